import crypto, { createHash, timingSafeEqual } from "node:crypto";
import { type ServicePrincipal, ServiceScopes } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";
import { bearerRule, isBearerCredential } from "./bearer.ts";
import { createSigning, type SigningOptions } from "./request-signing.ts";

/**
 * API key of a backend. Several keys may have one name during a rotation: they are one service, with one owner of
 * leases and dedupe keys.
 */
export interface ApiKey {
  /** Name of the service, which logs and commands use. */
  readonly name: string;
  /** The key itself. Exactly one of `key` and `hash` is set. */
  readonly key?: string;
  /** SHA-256 of the key as `sha256:` and 64 hexadecimal digits; `milepost key` prints it. */
  readonly hash?: string;
  /**
   * What the key allows, such as `publish:chat:{room}` or `connections`: an action, and for actions on channels a
   * pattern. Default everything.
   */
  readonly scopes?: readonly string[];
  /** Time of expiry, as in `2027-01-01T00:00:00Z`; default never. */
  readonly expiresAt?: string;
  /** Secrets with which the holder of the key signs its requests; see the page on signing. */
  readonly signing?: SigningOptions;
}

/** Returns the principal of the service whose API key was presented; undefined for an unknown key. */
export interface ApiKeys {
  /** Throws `unauthenticated` for a key that has expired. */
  identify(presented: string): ServicePrincipal | undefined;
  /** Does the same for the SHA-256 of the presented text, so that a caller may remember it. */
  identifyHash(hash: Buffer): ServicePrincipal | undefined;
  /** Hashes of all keys, each with its service. */
  readonly known: readonly KnownKey[];
}

/** SHA-256 of an API key, and the service that presents it. */
export interface KnownKey {
  readonly hash: Buffer;
  readonly principal: ServicePrincipal;
}

const hashGrammar = /^sha256:([0-9a-f]{64})$/;

/** Returns the SHA-256 of an API key in the form of the configuration. */
export function hashOfApiKey(key: string): string {
  return `sha256:${sha256(key).toString("hex")}`;
}

/** Returns what makes the settings of an API key unusable; undefined if nothing does. The text has no part of the key. */
export function apiKeyFault({
  key,
  hash,
  scopes,
  expiresAt,
}: Omit<ApiKey, "name">): string | undefined {
  if ((key === undefined) === (hash === undefined)) return "must have either a key or a hash";
  if (key !== undefined && !isBearerCredential(key)) return bearerRule;
  if (hash !== undefined && !hashGrammar.test(hash)) {
    return "must have a hash of the form sha256: and 64 hexadecimal digits; make one with: npx milepost key";
  }
  if (expiresAt !== undefined && !Number.isFinite(timeOf(expiresAt))) {
    return "must have an expiresAt such as 2027-01-01T00:00:00Z";
  }
  const read = scopes === undefined ? undefined : ServiceScopes.read(scopes);
  return typeof read === "string" ? `has a wrong scope: ${read}` : undefined;
}

/**
 * Creates the API key check, which stores only the SHA-256 hashes of the keys.
 *
 * A presented key is compared with every known key, each time in constant time. So neither the time nor the
 * order reveals anything about a key. Throws a TypeError for a key whose settings cannot be used.
 */
export function createApiKeys(keys: readonly ApiKey[], clock: { now(): number } = Date): ApiKeys {
  const known = keys.map((settings) => {
    const { name, key = "", hash = hashOfApiKey(key), scopes, expiresAt, signing } = settings;
    const fault = apiKeyFault(settings);
    if (fault !== undefined) throw new TypeError(`the API key "${name}" ${fault}`);
    const read = scopes === undefined ? undefined : ServiceScopes.read(scopes);
    const principal: ServicePrincipal = {
      kind: "service",
      name,
      ...(read instanceof ServiceScopes && { scopes: read }),
      ...(expiresAt !== undefined && { expiresAt: timeOf(expiresAt) }),
      ...(signing === undefined ? {} : { signing: createSigning(signing) }),
    };
    return { hash: Buffer.from(hash.slice(7), "hex"), principal };
  });
  return {
    identify: (presented) => (known.length === 0 ? undefined : identifyHash(sha256(presented))),
    identifyHash,
    known,
  };

  function identifyHash(hash: Buffer): ServicePrincipal | undefined {
    let found: ServicePrincipal | undefined;
    for (const key of known) {
      if (timingSafeEqual(hash, key.hash)) found = key.principal;
    }
    if (found?.expiresAt !== undefined && found.expiresAt <= clock.now()) {
      throw new MilepostError("unauthenticated", "this API key has expired; use its successor");
    }
    return found;
  }
}

function timeOf(text: string): number {
  return /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
}

/** The hash in one call, which Node has from 20.12 on. It costs half of a hash that takes its text in parts. */
const oneShot = (crypto as Partial<typeof crypto>).hash;

/** Returns the SHA-256 of a text. */
export function sha256(text: string): Buffer {
  return oneShot === undefined
    ? createHash("sha256").update(text).digest()
    : oneShot("sha256", text, "buffer");
}

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { ServicePrincipal } from "@milepost/core";
import { MilepostError } from "@milepost/protocol";
import type { ApiKeys, KnownKey } from "./api-keys.ts";

/** Token that stands for an API key for some minutes. */
export interface IssuedConsoleToken {
  readonly token: string;
  /** Expiry of the token, in milliseconds since 1970. */
  readonly expires_at: number;
  /** Time from which on no token follows this one and the key must be shown again, in milliseconds since 1970. */
  readonly renewable_until: number;
  /** Name of the service whose key was exchanged. */
  readonly name: string;
}

/** Lifetime of a token, in milliseconds. */
const lifetimeMs = 15 * 60_000;
/** Time after the exchange of the key in which a valid token can be exchanged for a new one, in milliseconds. */
const renewableMs = 8 * 3_600_000;

const form =
  /^mpconsole\.([A-Za-z0-9_-]{16})\.([0-9a-z]{1,11})\.([0-9a-z]{1,11})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{43})$/;

/** API key that a token stands for, and the time of its exchange. */
interface Origin {
  readonly key: SignedKey;
  /** Time at which the API key was exchanged, in milliseconds since 1970. */
  readonly since: number;
}

/** API key with the secrets that follow from its hash. */
interface SignedKey {
  readonly known: KnownKey;
  readonly id: string;
  readonly secret: Buffer;
}

/**
 * Tokens of the console. A token is signed, so that every node knows it and none stores it. The secret follows from the
 * gateway's token secret and from the hash of the API key: neither of them alone can make a token, and a token ends with
 * its key.
 */
export class ConsoleTokens {
  readonly #apiKeys: Pick<ApiKeys, "identifyHash">;
  readonly #clock: { now(): number };
  readonly #byId = new Map<string, SignedKey>();
  readonly #byPrincipal = new Map<ServicePrincipal, SignedKey>();
  /** Origins of the principals that tokens stand for. */
  readonly #origins = new WeakMap<ServicePrincipal, Origin>();

  /** Creates the tokens of these keys. Without a secret, it issues none and knows none. */
  constructor(secret: Buffer | undefined, apiKeys: ApiKeys, clock: { now(): number }) {
    this.#apiKeys = apiKeys;
    this.#clock = clock;
    if (secret === undefined) return;
    const base = hmac(secret, "milepost console");
    for (const known of apiKeys.known) {
      const id = hmac(hmac(base, "id"), known.hash).subarray(0, 12).toString("base64url");
      const key = { known, id, secret: hmac(hmac(base, "secret"), known.hash) };
      this.#byId.set(id, key);
      this.#byPrincipal.set(known.principal, key);
    }
  }

  /**
   * Issues a token for the service that presented its API key, or a valid token of the same key.
   *
   * Throws `not_supported` if the gateway has no token secret, and `token_expired` once the key was exchanged more than
   * 8 hours ago.
   */
  issue(service: ServicePrincipal): IssuedConsoleToken {
    const now = this.#clock.now();
    const origin = this.#originOf(service, now);
    const { key, since } = origin;
    const until = since + renewableMs;
    if (now >= until) {
      throw new MilepostError(
        "token_expired",
        "the API key was exchanged more than 8 hours ago; show the key again",
      );
    }
    const ends = [now + lifetimeMs, key.known.principal.expiresAt ?? Number.POSITIVE_INFINITY];
    const expiresAt = Math.floor(Math.min(...ends));
    const nonce = randomBytes(12).toString("base64url");
    const body = `mpconsole.${key.id}.${since.toString(36)}.${expiresAt.toString(36)}.${nonce}`;
    return {
      token: `${body}.${hmac(key.secret, body).toString("base64url")}`,
      expires_at: expiresAt,
      renewable_until: until,
      name: service.name,
    };
  }

  /**
   * Returns the service that a token stands for, with the name and the scopes of its key; undefined for a text that has
   * not the form of such a token. Throws `unauthenticated` for a forged token and for one whose key is no longer known,
   * and `token_expired` for an old one.
   */
  verify(presented: string): ServicePrincipal | undefined {
    if (!isConsoleToken(presented)) return undefined;
    const [, id = "", since = "", expiry = "", , signature = ""] = form.exec(presented) ?? [];
    const key = this.#byId.get(id);
    const body = presented.slice(0, presented.lastIndexOf("."));
    const right = key === undefined ? undefined : hmac(key.secret, body).toString("base64url");
    const isRight =
      right !== undefined &&
      right.length === signature.length &&
      timingSafeEqual(Buffer.from(right), Buffer.from(signature));
    // The key may have expired although its token has not.
    const service = isRight && key ? this.#apiKeys.identifyHash(key.known.hash) : undefined;
    if (key === undefined || service === undefined) {
      throw new MilepostError(
        "unauthenticated",
        "the console token is not valid, or its API key is no longer known; show the API key again",
      );
    }
    const expiresAt = Number.parseInt(expiry, 36);
    if (expiresAt <= this.#clock.now()) {
      throw new MilepostError("token_expired", "the console token has expired");
    }
    const principal: ServicePrincipal = { ...service, expiresAt, isConsole: true };
    this.#origins.set(principal, { key, since: Number.parseInt(since, 36) });
    return principal;
  }

  #originOf(service: ServicePrincipal, now: number): Origin {
    const origin = this.#origins.get(service);
    if (origin !== undefined) return origin;
    const key = this.#byPrincipal.get(service);
    if (key !== undefined) return { key, since: Math.floor(now) };
    throw new MilepostError(
      "not_supported",
      "console tokens are signed with tokenSecret, which this gateway does not have; set MILEPOST_TOKEN_SECRET",
    );
  }
}

/** True if a credential has the form of a console token, valid or not. */
export function isConsoleToken(credential: string): boolean {
  return credential.startsWith("mpconsole.");
}

function hmac(key: Buffer, content: string | Buffer): Buffer {
  return createHmac("sha256", key).update(content).digest();
}

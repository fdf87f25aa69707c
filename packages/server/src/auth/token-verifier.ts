import { timingSafeEqual } from "node:crypto";
import type { TokenVerifier, UserPrincipal } from "@milepost/core";
import type { KeySet, KeySetOptions } from "./key-set.ts";
import { ClaimsReader, refused, type TokenPolicy } from "./token-claims.ts";
import { readTokenForm } from "./token-form.ts";
import {
  type PublicTokenKey,
  readTokenKey,
  type SharedTokenKey,
  type TokenAlgorithm,
  type TokenKey,
  type TokenKeyOptions,
} from "./token-key.ts";

/** Keys that verify user tokens, and the requirements that tokens must meet. */
export interface TokenOptions extends TokenPolicy {
  /** Secrets and public keys. Several may be in force at once, so that an issuer can change its key. */
  readonly keys?: readonly TokenKeyOptions[];
  /** Sets of public keys that issuers publish. */
  readonly jwks?: readonly KeySetOptions[];
}

const algorithms: ReadonlySet<string> = new Set<TokenAlgorithm>([
  "HS256",
  "RS256",
  "ES256",
  "EdDSA",
]);
/** Largest number of keys that one token is tried with, so that its verification stays cheap. */
const maxTried = 16;

/**
 * Creates the verifier of user tokens; `sets` are the key sets of issuers. Throws a TypeError for a key that cannot be used.
 *
 * A token is verified only with keys whose own algorithm is the one in its header, so a public key never serves as a
 * secret. A token that names a `kid` is tried with the keys of that name and those without a name; other tokens with
 * every key of the algorithm. Imported keys are kept, verdicts are not. The verifier throws or rejects with `unauthenticated`,
 * `token_expired`, `token_not_yet_valid` or, without an issuer's keys, `unavailable`.
 */
export function createTokenVerifier(
  options: Omit<TokenOptions, "jwks">,
  clock: { now(): number },
  sets: readonly KeySet[] = [],
): TokenVerifier {
  const keys = (options.keys ?? []).map(readTokenKey);
  const reader = new ClaimsReader(options);
  if (sets.length > 0 || keys.some(({ algorithm }) => algorithm !== "HS256")) void library();

  return (token) => {
    const form = readTokenForm(token);
    if (typeof form === "string") throw refused(form);
    const { kid, header, claims, signature } = form;
    const algorithm = form.algorithm as TokenAlgorithm;
    if (!algorithms.has(algorithm)) {
      throw refused("the token's algorithm is not one that this gateway accepts");
    }
    const own = keys.filter(
      (key) =>
        key.algorithm === algorithm &&
        (kid === undefined || key.kid === undefined || key.kid === kid),
    );
    const accepted = (signer: TokenKey | undefined): UserPrincipal => {
      if (signer === undefined) throw refused("the token is not valid");
      reader.requireType(header);
      return reader.principalOf(claims, clock.now(), signer.issuer);
    };
    // An HMAC takes microseconds, and no set of an issuer has a secret.
    return algorithm === "HS256"
      ? accepted(sharedSigner(token, signature, own.filter(isShared)))
      : signerAmong(token, own.filter(isPublic), sets, algorithm, kid).then(accepted);
  };
}

function isShared(key: TokenKey): key is SharedTokenKey {
  return key.algorithm === "HS256";
}

function isPublic(key: TokenKey): key is PublicTokenKey {
  return !isShared(key);
}

/** Returns the secret that made the signature; the comparison takes the same time for every signature. */
function sharedSigner(
  token: string,
  signature: Buffer,
  keys: readonly SharedTokenKey[],
): SharedTokenKey | undefined {
  const signed = token.slice(0, token.lastIndexOf("."));
  return keys.slice(0, maxTried).find(({ key }) => {
    const expected = key.codeOf(signed);
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  });
}

let jose: Promise<typeof import("jose")> | undefined;

/** Returns the library that verifies signatures of public keys. A deployment that has only secrets never loads it. */
function library(): Promise<typeof import("jose")> {
  jose ??= import("jose");
  return jose;
}

/** Returns the key that made the token's signature: one of the given keys, or of an issuer's set. */
async function signerAmong(
  token: string,
  own: readonly PublicTokenKey[],
  sets: readonly KeySet[],
  algorithm: TokenAlgorithm,
  kid: string | undefined,
): Promise<PublicTokenKey | undefined> {
  return (await signerOf(token, own)) ?? fromSets(token, sets, algorithm, kid);
}

/** Returns the key of an issuer's set that made the token's signature; undefined if none did. */
async function fromSets(
  token: string,
  sets: readonly KeySet[],
  algorithm: TokenAlgorithm,
  kid: string | undefined,
): Promise<PublicTokenKey | undefined> {
  let fault: unknown;
  for (const set of sets) {
    try {
      const signer = await signerOf(token, await set.keysFor(algorithm, kid));
      if (signer !== undefined) return signer;
    } catch (error) {
      fault ??= error;
    }
  }
  // A set that could not be asked may have the key.
  if (fault !== undefined) throw fault;
  return undefined;
}

async function signerOf(
  token: string,
  keys: readonly PublicTokenKey[],
): Promise<PublicTokenKey | undefined> {
  if (keys.length === 0) return undefined;
  const { compactVerify } = await library();
  for (const key of keys.slice(0, maxTried)) {
    try {
      await compactVerify(token, key.key, { algorithms: [key.algorithm] });
      return key;
    } catch {
      // The next key may have made the signature.
    }
  }
  return undefined;
}

import { actions, type Grants, isGuestName, type UserPrincipal } from "@milepost/core";
import { idRule, isId, isRecord, MilepostError } from "@milepost/protocol";

/** Names of the claims that the gateway reads. `a.b` also finds the field `b` of the claim `a`. */
export interface ClaimNames {
  /** Claim with the id of the user; default `sub`. */
  readonly user?: string;
  /** Claim with the id of the session; default `sid`. */
  readonly session?: string;
  /** Claim with the granted channel patterns; default `channels`. */
  readonly channels?: string;
  /**
   * Claim with the numbers of connections that the token's user and session may have, in place of the limits of the
   * deployment: `{"user": 50, "session": 5}`, or a number for the user alone. Default: no claim says so.
   */
  readonly connections?: string;
}

/** Requirements that every user token must meet, beside its signature. */
export interface TokenPolicy {
  /** Audiences of which the token's `aud` must name one; default: `aud` is not checked. */
  readonly audience?: string | readonly string[];
  /** Issuers of which the token's `iss` must be one; default: `iss` is not checked. */
  readonly issuer?: string | readonly string[];
  /** Accepted types of tokens, the header `typ`; default `JWT`, `at+jwt` and none. */
  readonly types?: readonly string[];
  /** Longest lifetime of a token from its issue (`iat`, otherwise now) to its expiry, in milliseconds; default none. */
  readonly maxLifetimeMs?: number;
  /** Largest difference of clocks that is tolerated for `nbf` and `iat`, in milliseconds; default 5,000. */
  readonly clockToleranceMs?: number;
  readonly claims?: ClaimNames;
}

/** Largest tolerance of clocks that may be set, in milliseconds. */
export const maxClockToleranceMs = 300_000;
const defaultToleranceMs = 5_000;
/** Longest wait for the begin of a token, in milliseconds. A later begin counts as a mistake of the issuer. */
const maxNotBeforeMs = 86_400_000;
/**
 * Longest wait that a client with an early token is told, in milliseconds. The clock of this gateway may be the one that
 * is wrong: it may be set right any moment, and another gateway may accept the token now.
 */
const maxEarlyWaitMs = 10_000;
const maxPatterns = 100;
const defaultTypes = ["jwt", "at+jwt"];
export const defaultClaimNames: ClaimNames & {
  readonly user: string;
  readonly session: string;
  readonly channels: string;
} = { user: "sub", session: "sid", channels: "channels" };
/** Largest number of connections that a token may allow. */
const maxAllowedConnections = 1_000;

type Claims = Readonly<Record<string, unknown>>;

/** Reads the header and the claims of verified tokens by one policy. */
export class ClaimsReader {
  readonly #policy: TokenPolicy;
  readonly #names: typeof defaultClaimNames;
  /** Accepted types in lower case; undefined if a token needs none. */
  readonly #types: readonly string[] | undefined;
  readonly #issuers: readonly string[] | undefined;
  readonly #audiences: readonly string[] | undefined;

  constructor(policy: TokenPolicy) {
    this.#policy = policy;
    this.#names = { ...defaultClaimNames, ...policy.claims };
    this.#types = policy.types?.map((type) => type.toLowerCase());
    this.#issuers = listOf(policy.issuer);
    this.#audiences = listOf(policy.audience);
  }

  /** Throws `unauthenticated` unless the header's `typ` is one that the policy accepts. */
  requireType({ typ }: Claims): void {
    if (typ === undefined && this.#types === undefined) return;
    const plain = typeof typ === "string" ? typ.toLowerCase().replace(/^application\//, "") : "";
    const accepted = this.#types ?? defaultTypes;
    if (!accepted.includes(plain)) throw refused("the token's typ is missing or not accepted");
  }

  /**
   * Returns the principal of verified claims; `issuer` is that of the key. Throws `token_expired`,
   * `token_not_yet_valid` or `unauthenticated`; no message contains a value of the token.
   */
  principalOf(claims: Claims, now: number, issuer?: string): UserPrincipal {
    const { user, session, channels, connections } = this.#names;
    const expiresAt = readTimes(claims, this.#policy, now);
    requireOneOf(claims.iss, issuer === undefined ? this.#issuers : [issuer], "iss");
    requireAudience(claims.aud, this.#audiences);
    const ids = {
      user: readId(claimAt(claims, user), user),
      session: readId(claimAt(claims, session), session),
    };
    if (ids.user === undefined && ids.session === undefined) {
      throw refused(`the token needs a user (${user}) or a session (${session})`);
    }
    const maxConnections =
      connections === undefined
        ? undefined
        : readNumbers(claimAt(claims, connections), connections);
    return {
      kind: "user",
      ...ids,
      ...(maxConnections !== undefined && { maxConnections }),
      grants: readGrants(claimAt(claims, channels)),
      expiresAt,
      ...(typeof claims.jti === "string" && { tokenId: claims.jti }),
      ...(typeof claims.iat === "number" && { issuedAt: claims.iat * 1_000 }),
      claims,
    };
  }
}

/** Checks the times of a token and returns its expiry in milliseconds since 1970. */
function readTimes(claims: Claims, policy: TokenPolicy, now: number): number {
  const { clockToleranceMs = defaultToleranceMs, maxLifetimeMs } = policy;
  for (const name of ["exp", "iat", "nbf"] as const) {
    const value = claims[name];
    if (value === undefined && name !== "exp") continue;
    if (!Number.isSafeInteger(value) || !Number.isSafeInteger(Number(value) * 1_000)) {
      throw refused(
        `the token's claim ${name} is missing or invalid; it must be a whole number of seconds since 1970`,
      );
    }
  }
  const { exp, iat, nbf } = claims as { exp: number; iat?: number; nbf?: number };
  const expiresAt = exp * 1_000;
  if (expiresAt <= now) {
    throw new MilepostError("token_expired", "the token has expired; get a new one");
  }
  const begin = Math.max(nbf ?? 0, iat ?? 0) * 1_000;
  if (begin > now + clockToleranceMs) throw early(begin - now, (nbf ?? 0) >= (iat ?? 0));
  if (maxLifetimeMs !== undefined && expiresAt - (iat ?? now / 1_000) * 1_000 > maxLifetimeMs) {
    throw refused(
      `the token lives longer than this gateway accepts, which is ${Math.floor(maxLifetimeMs / 1_000)} s`,
    );
  }
  return expiresAt;
}

function early(beginsInMs: number, isNotBefore: boolean): MilepostError {
  if (beginsInMs > maxNotBeforeMs) {
    const name = isNotBefore ? "nbf" : "iat";
    return refused(
      `the token's claim ${name} lies more than a day in the future; it counts seconds since 1970`,
    );
  }
  const message = `the token is valid in ${Math.ceil(beginsInMs / 1000)} s by the clock of this gateway; try again then`;
  const retryAfterMs = Math.min(beginsInMs, maxEarlyWaitMs);
  return new MilepostError("token_not_yet_valid", message, { retryAfterMs });
}

function requireOneOf(
  value: unknown,
  accepted: readonly string[] | undefined,
  name: "iss" | "aud",
): void {
  if (accepted === undefined || (typeof value === "string" && accepted.includes(value))) return;
  throw refused(`the token's claim ${name} is missing or not one that this gateway accepts`);
}

function requireAudience(value: unknown, accepted: readonly string[] | undefined): void {
  const named = Array.isArray(value)
    ? value.find((item) => typeof item === "string" && accepted?.includes(item))
    : value;
  requireOneOf(named, accepted, "aud");
}

function readId(value: unknown, claim: string): string | undefined {
  if (value === undefined) return undefined;
  // Issuers of one database write ids as numbers. JavaScript rounds larger ones, so that two users would be one.
  const id = Number.isSafeInteger(value) ? String(value) : value;
  if (!isId(id)) throw refused(`the token's claim ${claim} ${idRule}`);
  if (isGuestId(id)) throw refused(`the token's claim ${claim} begins with guest:`);
  return id;
}

/** True for an id that would read as that of a guest. No token may carry it. */
export function isGuestId(id: string): boolean {
  return isGuestName(id);
}

function readNumbers(value: unknown, claim: string): UserPrincipal["maxConnections"] {
  if (value === undefined) return undefined;
  const numbers = isRecord(value) ? value : { user: value };
  for (const name of ["user", "session"] as const) {
    const number = numbers[name];
    if (number === undefined) continue;
    if (
      !Number.isSafeInteger(number) ||
      Number(number) < 1 ||
      Number(number) > maxAllowedConnections
    )
      throw refused(
        `the token's claim ${claim} must be a whole number from 1 to ${maxAllowedConnections}, or {"user", "session"} with such numbers`,
      );
  }
  const { user, session } = numbers as NonNullable<UserPrincipal["maxConnections"]>;
  return { ...(user !== undefined && { user }), ...(session !== undefined && { session }) };
}

function readGrants(value: unknown): Grants {
  if (value === undefined) return noGrants;
  if (!isRecord(value)) throw badGrants();
  const grants: { -readonly [Name in keyof Grants]: Grants[Name] } = { ...noGrants };
  for (const action of actions) {
    const patterns = value[action];
    if (patterns !== undefined) grants[action] = readPatterns(patterns);
  }
  return grants;
}

function readPatterns(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > maxPatterns) throw badGrants();
  return value.map((pattern) => {
    if (typeof pattern !== "string") throw badGrants();
    return pattern;
  });
}

const noGrants: Grants = { subscribe: [], publish: [] };

function badGrants(): MilepostError {
  return refused(
    `the token's channels must be {"subscribe": [patterns], "publish": [patterns]}, at most ${maxPatterns} each`,
  );
}

/** Returns the claim with this name, or else the field at this path of nested claims. */
function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let at: unknown = claims;
  for (const part of name.split(".")) {
    if (!isRecord(at) || !Object.hasOwn(at, part)) return undefined;
    at = at[part];
  }
  return at;
}

function listOf(value: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof value === "string" ? [value] : value;
}

/** Returns the error of a token that is not accepted. */
export function refused(message: string): MilepostError {
  return new MilepostError("unauthenticated", message);
}

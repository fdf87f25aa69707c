import { webcrypto } from "node:crypto";
import type { Grants, TokenVerifier, UserPrincipal } from "@milepost/core";
import type { Clock } from "@milepost/engine";
import { idRule, isId, isRecord, MilepostError, messageBounds } from "@milepost/protocol";
import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";

/** Minimum length of a token secret, in bytes; equal to the length of the hash. */
export const minTokenSecretBytes = 32;

/** Content of a user token to be issued. */
export interface TokenContent {
  /** User id, the claim `sub`. */
  readonly user?: string;
  /** Session id, the claim `sid`. */
  readonly session?: string;
  /** Lifetime of the token, in milliseconds; default one hour. */
  readonly ttlMs?: number;
  /** Channel patterns granted in addition to what the rules allow this user and session. */
  readonly channels?: Partial<Grants>;
}

/** Issues and verifies user tokens. */
export interface Tokens {
  /**
   * Resolves with the user, session and grants of a token. Rejects with `token_expired` or `unauthenticated`.
   */
  readonly verify: TokenVerifier;
  /**
   * Issues a token. Rejects with `bad_message` if an id is empty, too long or not well-formed Unicode, or the lifetime is not a number.
   */
  mint(content: TokenContent): Promise<string>;
}

const algorithm = "HS256";
const notBeforeToleranceSeconds = 5;
/** Longest wait for the begin of a token, in milliseconds. A later begin counts as a mistake of the issuer. */
const maxNotBeforeMs = 86_400_000;
const defaultTtlMs = 3_600_000;
const maxPatterns = 100;

/**
 * Creates the issuer and verifier of user tokens: JWTs signed with one secret. Only HS256 is accepted: a token
 * whose header names another algorithm is refused.
 *
 * A backend that issues tokens for its pages passes the secret of the gateway, `MILEPOST_TOKEN_SECRET`. `clock`
 * is the machine's clock by default. A token must have `exp`. Error messages never contain any part of the token
 * or of the secret. Throws a TypeError if the secret is missing or has fewer than 32 bytes.
 */
export function createTokens(
  secret: string | Uint8Array,
  clock: Pick<Clock, "now"> = Date,
): Tokens {
  const bytes = bytesOf(secret);
  const key = webcrypto.subtle.importKey(
    "raw",
    new Uint8Array(bytes),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign", "verify"],
  );

  return {
    async verify(token) {
      if (token.length > messageBounds.tokenLength) throw refused("the token is too long");
      try {
        const { payload } = await jwtVerify(token, await key, {
          algorithms: [algorithm],
          requiredClaims: ["exp"],
          currentDate: new Date(clock.now()),
          clockTolerance: notBeforeToleranceSeconds,
        });
        return principalOf(payload, clock.now());
      } catch (cause) {
        if (cause instanceof MilepostError) throw cause;
        if (cause instanceof errors.JWTExpired) throw expired();
        if (cause instanceof errors.JWTClaimValidationFailed) {
          const { claim, reason, payload } = cause;
          if (claim === "nbf" && reason === "check_failed") throw early(payload.nbf, clock.now());
          throw refused(`the token's claim ${cause.claim} is missing or invalid`);
        }
        throw refused("the token is not valid");
      }
    },
    async mint({ user, session, ttlMs = defaultTtlMs, channels }) {
      requireName(user, "user");
      requireName(session, "session");
      if (!Number.isFinite(ttlMs)) {
        throw new MilepostError("bad_message", "ttlMs must be a number of milliseconds");
      }
      const issued = Math.floor(clock.now() / 1000);
      const jwt = new SignJWT({
        ...(session !== undefined && { sid: session }),
        ...(channels !== undefined && { channels }),
      })
        .setProtectedHeader({ alg: algorithm, typ: "JWT" })
        .setIssuedAt(issued)
        .setJti(webcrypto.randomUUID())
        .setExpirationTime(issued + Math.ceil(ttlMs / 1000));
      if (user !== undefined) jwt.setSubject(user);
      return jwt.sign(await key);
    },
  };
}

/** Returns the bytes of a token secret. The value may come from code without types, such as an unset variable. */
function bytesOf(secret: unknown): Uint8Array {
  const advice = "make one with: openssl rand -base64 48";
  if (secret === undefined || secret === null || secret === "") {
    throw new TypeError(`tokenSecret is missing; is its environment variable set? ${advice}`);
  }
  const bytes = typeof secret === "string" ? new TextEncoder().encode(secret) : secret;
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`tokenSecret must be a string or a Uint8Array; ${advice}`);
  }
  if (bytes.byteLength < minTokenSecretBytes) {
    throw new TypeError(
      `tokenSecret must have at least ${minTokenSecretBytes} bytes, and this one has ${bytes.byteLength}; ${advice}`,
    );
  }
  return bytes;
}

function principalOf(payload: JWTPayload, now: number): UserPrincipal {
  const expiresAt = (payload.exp ?? 0) * 1000;
  // jose applies the clock tolerance to `exp` too. The tolerance is meant only for `nbf`, in case this clock
  // runs behind.
  if (expiresAt <= now) throw expired();
  return {
    kind: "user",
    user: readName(payload.sub, "sub"),
    session: readName(payload.sid, "sid"),
    grants: readGrants(payload.channels),
    expiresAt,
    ...(typeof payload.jti === "string" && { tokenId: payload.jti }),
    ...(payload.iat !== undefined && { issuedAt: payload.iat * 1000 }),
  };
}

function readName(value: unknown, claim: string): string | undefined {
  if (value === undefined) return undefined;
  if (isId(value)) return value;
  throw refused(`the token's claim ${claim} ${idRule}`);
}

function requireName(value: string | undefined, field: string): void {
  if (value === undefined || isId(value)) return;
  throw new MilepostError("bad_message", `${field} ${idRule}`);
}

function readGrants(value: unknown): Grants {
  if (value === undefined) return noGrants;
  if (!isRecord(value)) throw badGrants();
  return { subscribe: readPatterns(value.subscribe), publish: readPatterns(value.publish) };
}

function readPatterns(value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > maxPatterns) throw badGrants();
  return value.map((pattern) => {
    if (typeof pattern !== "string") throw badGrants();
    return pattern;
  });
}

const noGrants: Grants = { subscribe: [], publish: [] };

function badGrants(): MilepostError {
  return refused(
    `the token's claim channels must be {"subscribe": [patterns], "publish": [patterns]}, at most ${maxPatterns} each`,
  );
}

function refused(message: string): MilepostError {
  return new MilepostError("unauthenticated", message);
}

/** Returns the error for a token that begins at `notBefore`, in seconds since 1970. */
function early(notBefore: number | undefined, now: number): MilepostError {
  const retryAfterMs = (notBefore ?? Number.NaN) * 1000 - now;
  if (!(retryAfterMs <= maxNotBeforeMs)) {
    return refused(
      "the token's claim nbf lies more than a day in the future; it counts seconds since 1970",
    );
  }
  const message = `the token is valid in ${Math.ceil(retryAfterMs / 1000)} s; try again then`;
  return new MilepostError("token_not_yet_valid", message, { retryAfterMs });
}

function expired(): MilepostError {
  return new MilepostError("token_expired", "the token has expired; get a new one");
}

import { webcrypto } from "node:crypto";
import type { Grants, UserPrincipal } from "@milepost/core";
import type { Clock } from "@milepost/engine";
import { idRule, isId, MilepostError } from "@milepost/protocol";
import { defaultClaimNames, isGuestId } from "./token-claims.ts";
import { importSecret, secretBytes } from "./token-key.ts";
import { createTokenVerifier, type TokenOptions } from "./token-verifier.ts";

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
  /** Roles of the user, the claim `roles`: questions may be for their holders. */
  readonly roles?: readonly string[];
}

/** Issues and verifies user tokens. */
export interface Tokens {
  /**
   * Resolves with the user, session and grants of a token. Rejects with `token_expired` or `unauthenticated`.
   */
  readonly verify: (token: string) => Promise<UserPrincipal>;
  /**
   * Issues a token. Rejects with `bad_message` if it names neither a user nor a session, if an id is empty, too long or
   * not well-formed Unicode, or the lifetime is not a number.
   */
  mint(content: TokenContent): Promise<string>;
}

const defaultTtlMs = 3_600_000;

/**
 * Creates the issuer and verifier of user tokens: JWTs that this secret signs with HS256. With `options`, tokens of
 * other keys are accepted too.
 *
 * A backend that issues tokens for its pages passes the secret of the gateway, `MILEPOST_TOKEN_SECRET`. `clock`
 * is the machine's clock by default. A token must have `exp`, and a user or a session. Error messages never contain any
 * part of the token or of the secret. Throws a TypeError if the secret is missing or has fewer than 32 bytes.
 */
export function createTokens(
  secret: string | Uint8Array,
  clock: Pick<Clock, "now"> = Date,
  options: Omit<TokenOptions, "jwks"> = {},
): Tokens {
  const bytes = secretBytes(secret, "tokenSecret");
  const keys = [{ secret: bytes }, ...(options.keys ?? [])];
  const verify = createTokenVerifier({ ...options, keys }, clock);
  return {
    verify: async (token) => verify(token),
    mint: createMint(importSecret(bytes), undefined, options, clock),
  };
}

/** Creates the function that issues tokens with an imported secret. */
export function createMint(
  key: Promise<webcrypto.CryptoKey>,
  kid: string | undefined,
  { claims, audience, issuer }: TokenOptions,
  clock: Pick<Clock, "now">,
): Tokens["mint"] {
  const names = { ...defaultClaimNames, ...claims };
  return async ({ user, session, ttlMs = defaultTtlMs, channels, roles }) => {
    requireId(user, "user");
    requireId(session, "session");
    if (user === undefined && session === undefined) {
      throw new MilepostError("bad_message", "a token needs a user or a session");
    }
    if (!Number.isFinite(ttlMs)) {
      throw new MilepostError("bad_message", "ttlMs must be a number of milliseconds");
    }
    const issued = Math.floor(clock.now() / 1000);
    const content = {
      ...(user !== undefined && { [names.user]: user }),
      ...(session !== undefined && { [names.session]: session }),
      ...(channels !== undefined && { [names.channels]: channels }),
      ...(roles !== undefined && { roles }),
      ...named("aud", audience),
      ...named("iss", issuer),
    };
    const { SignJWT } = await import("jose");
    return new SignJWT(content)
      .setProtectedHeader({ alg: "HS256", typ: "JWT", ...(kid !== undefined && { kid }) })
      .setIssuedAt(issued)
      .setJti(webcrypto.randomUUID())
      .setExpirationTime(issued + Math.ceil(ttlMs / 1000))
      .sign(await key);
  };
}

/** Returns the claim that names the first of the accepted values; nothing if there are none. */
function named(claim: "aud" | "iss", accepted: string | readonly string[] = []) {
  const [first] = typeof accepted === "string" ? [accepted] : accepted;
  return first === undefined ? {} : { [claim]: first };
}

function requireId(value: string | undefined, field: string): void {
  if (value === undefined || isId(value)) {
    if (value === undefined || !isGuestId(value)) return;
    throw new MilepostError("bad_message", `${field} begins with guest:, which only guests have`);
  }
  throw new MilepostError("bad_message", `${field} ${idRule}`);
}

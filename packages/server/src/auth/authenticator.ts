import type { Principal, TokenVerifier, UserPrincipal } from "@milepost/core";
import type { Clock } from "@milepost/engine";
import { idRule, isId, isRecord, MilepostError } from "@milepost/protocol";
import { type ApiKey, createApiKeys } from "./api-keys.ts";
import { readBearer } from "./bearer.ts";
import { createTokens, type TokenContent } from "./tokens.ts";

/** Settings of authentication: the credentials that the gateway accepts. */
export interface AuthOptions {
  /** Secret that signs user tokens (HS256); at least 32 bytes. */
  readonly tokenSecret?: string | Uint8Array;
  /**
   * Custom verifier of user tokens; with it, `tokenSecret` is not needed. The `user` and `session` that the
   * verifier returns may be any text of at most 1,024 bytes of UTF-8: `auth0|7`, an e-mail address.
   */
  readonly verifyToken?: TokenVerifier;
  /** API keys of backends. A request with one of these keys may do what the rules allow a service. */
  readonly apiKeys?: readonly ApiKey[];
  /** True if `?token=` in the URL of a WebSocket, SSE or long-poll request is accepted; default true. */
  readonly tokenInQuery?: boolean;
}

/** Verifies credentials and returns the principal (user or service) that each belongs to. */
export interface Authenticator {
  readonly verifyToken: TokenVerifier;
  /** Issues a user token; rejects with `not_supported` when there is no `tokenSecret`. */
  mintToken(content: TokenContent): Promise<string>;
  /** Returns the principal of an `Authorization` header; rejects with `unauthenticated` or `token_expired`. */
  authenticate(authorization: string | undefined): Promise<Principal>;
}

/** Creates the authenticator; throws a TypeError that names the missing option. */
export function createAuthenticator(
  options: AuthOptions,
  clock: Pick<Clock, "now">,
): Authenticator {
  const tokens =
    options.tokenSecret === undefined ? undefined : createTokens(options.tokenSecret, clock);
  const { verifyToken: verifyOtherwise } = options;
  const verifyToken =
    verifyOtherwise === undefined
      ? tokens?.verify
      : async (token: string) => withUsableNames(await verifyOtherwise(token));
  if (verifyToken === undefined) {
    throw new TypeError("auth needs tokenSecret (at least 32 bytes) or verifyToken");
  }
  const apiKeys = createApiKeys(options.apiKeys ?? []);

  return {
    verifyToken,
    async mintToken(content) {
      if (tokens !== undefined) return tokens.mint(content);
      throw new MilepostError(
        "not_supported",
        "this gateway has no tokenSecret, so it cannot issue tokens; get tokens from the issuer that verifyToken accepts",
      );
    },
    async authenticate(authorization) {
      const bearer = readBearer(authorization);
      if (bearer.kind !== "bearer") {
        throw new MilepostError(
          "unauthenticated",
          "send an API key or a token as Authorization: Bearer",
        );
      }
      const { credential } = bearer;
      const service = apiKeys.identify(credential);
      if (service !== undefined) return service;
      // Tokens of a custom verifier may have any form.
      if (verifyOtherwise === undefined && !isJwt(credential)) {
        throw new MilepostError(
          "unauthenticated",
          "this API key is not known to the gateway, and it is no user token (a JWT) either",
        );
      }
      return verifyToken(credential);
    },
  };
}

/** True if the text has the form of a JWT: three parts, the first of which is a JSON header that names an algorithm. */
function isJwt(credential: string): boolean {
  const [header = "", ...rest] = credential.split(".");
  if (rest.length !== 2) return false;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
    return isRecord(parsed) && "alg" in parsed;
  } catch {
    return false;
  }
}

function withUsableNames(principal: UserPrincipal): UserPrincipal {
  for (const name of ["user", "session"] as const) {
    if (principal[name] === undefined || isId(principal[name])) continue;
    throw new MilepostError("unauthenticated", `the token's ${name} ${idRule}`);
  }
  return principal;
}

import type { Principal, TokenVerifier, UserPrincipal } from "@milepost/core";
import type { Clock } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { type ApiKey, createApiKeys } from "./api-keys.ts";
import { readBearer } from "./bearer.ts";
import { createTokens, isPrincipalName, nameRule, type TokenContent } from "./tokens.ts";

/** How the gateway knows who is asking. */
export interface AuthOptions {
  /** The secret of user tokens (HS256), at least 32 bytes. */
  readonly tokenSecret?: string | Uint8Array;
  /**
   * Verifies user tokens instead; then `tokenSecret` is not needed. The user and session it gives name
   * channels: ids with other characters (`auth0|7`, e-mail addresses) are refused, so map them.
   */
  readonly verifyToken?: TokenVerifier;
  /** Keys of backends; each may do what the rules allow a service. */
  readonly apiKeys?: readonly ApiKey[];
  /** Whether `?token=` in the URL of a WebSocket, a stream or a poll counts; true when absent. */
  readonly tokenInQuery?: boolean;
}

/** Turns credentials into principals. */
export interface Authenticator {
  readonly verifyToken: TokenVerifier;
  /** Makes a user token; `not_supported` when tokens come from elsewhere. */
  mintToken(content: TokenContent): Promise<string>;
  /** Who an `Authorization` header stands for; `unauthenticated` or `token_expired` otherwise. */
  authenticate(authorization: string | undefined): Promise<Principal>;
}

/** Makes the authenticator; a TypeError says what the options lack. */
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
        "this gateway has no tokenSecret, so it cannot make tokens; get them where verifyToken's come from",
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
      return apiKeys.identify(bearer.credential) ?? (await verifyToken(bearer.credential));
    },
  };
}

function withUsableNames(principal: UserPrincipal): UserPrincipal {
  for (const name of ["user", "session"] as const) {
    if (principal[name] === undefined || isPrincipalName(principal[name])) continue;
    throw new MilepostError("unauthenticated", `the token's ${name} ${nameRule}`);
  }
  return principal;
}

import type { Principal, ServicePrincipal, TokenVerifier, UserPrincipal } from "@milepost/core";
import type { Clock } from "@milepost/engine";
import { idRule, isId, MilepostError } from "@milepost/protocol";
import { type ApiKey, createApiKeys } from "./api-keys.ts";
import { readBearer } from "./bearer.ts";
import { ConsoleTokens } from "./console-tokens.ts";
import { KeySet, type KeySetParts } from "./key-set.ts";
import { isGuestId } from "./token-claims.ts";
import { isJwt } from "./token-form.ts";
import { importSecret, secretBytes } from "./token-key.ts";
import { createTokenVerifier, type TokenOptions } from "./token-verifier.ts";
import { createMint, type TokenContent, type Tokens } from "./tokens.ts";

/** Settings of authentication: the credentials that the gateway accepts. */
export interface AuthOptions {
  /** Secret that signs user tokens (HS256); at least 32 bytes. */
  readonly tokenSecret?: string | Uint8Array;
  /** More keys of user tokens, the key sets of issuers, and what tokens must claim. */
  readonly tokens?: TokenOptions;
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
  /**
   * Returns the service of an API key or of a console token; undefined for any other text. Throws `unauthenticated` for
   * an expired key, and as {@link ConsoleTokens.verify} does.
   */
  identify(presented: string): ServicePrincipal | undefined;
  /** Tokens of the console, which stand for an API key for some minutes. */
  readonly consoleTokens: ConsoleTokens;
  /** Does the same for the SHA-256 of an API key. */
  identifyHash(hash: Buffer): ServicePrincipal | undefined;
  /** Issues a user token; rejects with `not_supported` when there is no `tokenSecret`. */
  mintToken(content: TokenContent): Promise<string>;
  /** Returns the principal of an `Authorization` header; rejects with `unauthenticated` or `token_expired`. */
  authenticate(authorization: string | undefined): Promise<Principal>;
}

/** Creates the authenticator; throws a TypeError that names the missing option. Key sets of issuers need `parts`. */
export function createAuthenticator(
  options: AuthOptions,
  clock: Pick<Clock, "now">,
  parts?: KeySetParts,
): Authenticator {
  const { verifyToken: verifyOtherwise } = options;
  const { verify, mint } = tokensOf(options, clock, parts);
  const verifyToken =
    verifyOtherwise === undefined
      ? verify
      : async (token: string) => withUsableNames(await verifyOtherwise(token));
  if (verifyToken === undefined) {
    throw new TypeError(
      "auth needs tokenSecret (at least 32 bytes), tokens with keys or jwks, or verifyToken",
    );
  }
  const apiKeys = createApiKeys(options.apiKeys ?? [], clock);
  const consoleTokens = new ConsoleTokens(sharedSecret(options), apiKeys, clock);
  const identify = (presented: string) =>
    consoleTokens.verify(presented) ?? apiKeys.identify(presented);

  return {
    verifyToken,
    identify,
    consoleTokens,
    identifyHash: apiKeys.identifyHash,
    async mintToken(content) {
      if (mint !== undefined) return mint(content);
      throw new MilepostError(
        "not_supported",
        "this gateway has no tokenSecret, so it cannot issue tokens; get tokens from the issuer that it accepts",
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
      const service = identify(credential);
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

/** Returns the secret of this gateway that every node and worker has; undefined if its tokens need none. */
function sharedSecret({ tokenSecret, tokens = {} }: AuthOptions): Buffer | undefined {
  const secret = tokenSecret ?? tokens.keys?.find((key) => key.secret !== undefined)?.secret;
  return secret === undefined ? undefined : Buffer.from(secretBytes(secret, "tokenSecret"));
}

/** Returns the verifier of tokens and the function that issues them, as far as there are keys for them. */
function tokensOf(
  { tokenSecret, tokens = {} }: AuthOptions,
  clock: Pick<Clock, "now">,
  parts: KeySetParts | undefined,
): { readonly verify?: TokenVerifier } & Partial<Pick<Tokens, "mint">> {
  const keys = [
    ...(tokenSecret === undefined ? [] : [{ secret: tokenSecret }]),
    ...(tokens.keys ?? []),
  ];
  const sets = (tokens.jwks ?? []).map((set) => {
    if (parts === undefined) throw new TypeError("a key set needs a clock, randomness and a log");
    return new KeySet(set, parts);
  });
  if (keys.length + sets.length === 0) return {};
  const verify = createTokenVerifier({ ...tokens, keys }, clock, sets);
  const own = keys.find(({ secret }) => secret !== undefined);
  if (own?.secret === undefined) return { verify };
  const imported = importSecret(secretBytes(own.secret, "tokenSecret"));
  return { verify, mint: createMint(imported, own.kid, tokens, clock) };
}

function withUsableNames(principal: UserPrincipal): UserPrincipal {
  for (const name of ["user", "session"] as const) {
    const id = principal[name];
    if (id === undefined || (isId(id) && !isGuestId(id))) continue;
    if (isId(id)) {
      throw new MilepostError("unauthenticated", `the token's ${name} begins with guest:`);
    }
    throw new MilepostError("unauthenticated", `the token's ${name} ${idRule}`);
  }
  return principal;
}

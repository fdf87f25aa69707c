import { MilepostError } from "@milepost/protocol";
import { pickClaims } from "../rules/claims.ts";
import type { Principal, UserPrincipal } from "../rules/principal.ts";
import type { TokenVerifier } from "../runtime/options.ts";
import type { SessionCheck } from "../sessions/sessions-api.ts";
import type { RevocationCache } from "./revocation-cache.ts";

/**
 * Admission of callers: verifies a user's token, removes the grants that were revoked since it was issued, and checks
 * its session. A service keeps all its grants, as revocations apply to users only.
 */
export class Admission {
  readonly #verify: TokenVerifier;
  readonly #revocations: RevocationCache;
  readonly #sessions: SessionCheck;
  readonly #claims: ReadonlySet<string>;

  /** Creates the admission. Of the claims of a token it keeps those that `claims` names, which the rules use. */
  constructor(
    verify: TokenVerifier,
    revocations: RevocationCache,
    sessions: SessionCheck,
    claims: ReadonlySet<string> = new Set(),
  ) {
    this.#sessions = sessions;
    this.#claims = claims;
    this.#verify = verify;
    this.#revocations = revocations;
  }

  /**
   * Verifies a token and returns its principal without revoked grants, or a promise of it where that must wait.
   *
   * Throws or rejects with `unauthenticated` or `token_expired` when the verifier does, with `unauthenticated` if the expiry
   * is not a number, and with `token_revoked` if the whole token was revoked. Rejects with `store_unavailable` if
   * this node has never read the revocations and cannot read them now. Where sessions must be registered, rejects
   * with `unauthenticated` if the token's session is not.
   */
  readonly verifyToken: TokenVerifier = (token) => {
    const verified = this.#verify(token);
    return verified instanceof Promise
      ? verified.then((principal) => this.#admitUser(principal))
      : this.#admitUser(verified);
  };

  /**
   * Resolves with a verified principal, without revoked grants; a service is returned unchanged. Rejects with
   * `token_revoked` or `store_unavailable`, like {@link Admission.verifyToken}.
   */
  async admit(principal: Principal): Promise<Principal> {
    return principal.kind === "service" ? principal : this.#admitUser(principal);
  }

  /**
   * Resolves with the principal of a session's own credential; rejects with `unauthenticated` for any other text, and
   * with `token_revoked` or `store_unavailable`, like {@link Admission.verifyToken}.
   */
  async openSession(credential: string): Promise<UserPrincipal> {
    return this.#unrevoked(await this.#sessions.open(credential));
  }

  #admitUser(principal: UserPrincipal): UserPrincipal | Promise<UserPrincipal> {
    // Such an expiry would be later than every time, so that the connection never ended.
    if (Number.isNaN(principal.expiresAt)) {
      throw new MilepostError("unauthenticated", "the expiry of the token is not a number");
    }
    const unrevoked = this.#unrevoked(this.#withUsedClaims(principal));
    return unrevoked instanceof Promise
      ? unrevoked.then((left) => this.#sessions.check(left))
      : this.#sessions.check(unrevoked);
  }

  #unrevoked(principal: UserPrincipal): UserPrincipal | Promise<UserPrincipal> {
    if (this.#revocations.isKnown) return this.#revocations.narrowed(principal);
    return this.#revocations.refresh().then(() => this.#revocations.narrowed(principal));
  }

  #withUsedClaims(principal: UserPrincipal): UserPrincipal {
    if (principal.claims === undefined) return principal;
    const { claims: all, ...rest } = principal;
    const claims = pickClaims(all, this.#claims);
    return claims === undefined ? rest : { ...rest, claims };
  }
}

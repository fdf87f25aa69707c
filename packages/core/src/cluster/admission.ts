import type { Principal, UserPrincipal } from "../rules/principal.ts";
import type { TokenVerifier } from "../runtime/options.ts";
import type { RevocationCache } from "./revocation-cache.ts";

/** Admission of principals: a credential counts as far as it was verified and not revoked since. */
export class Admission {
  readonly #verify: TokenVerifier;
  readonly #revocations: RevocationCache;

  constructor(verify: TokenVerifier, revocations: RevocationCache) {
    this.#verify = verify;
    this.#revocations = revocations;
  }

  /**
   * Verifies a token and removes what was revoked of it.
   *
   * Rejects with `unauthenticated` or `token_expired` as the verifier does, with `token_revoked`, and with
   * `store_unavailable` while the revocations were never read.
   */
  readonly verifyToken: TokenVerifier = async (token) => this.#admitUser(await this.#verify(token));

  /** Removes what was revoked of a verified principal; rejects as {@link Admission.verifyToken}. */
  async admit(principal: Principal): Promise<Principal> {
    return principal.kind === "service" ? principal : this.#admitUser(principal);
  }

  async #admitUser(principal: UserPrincipal): Promise<UserPrincipal> {
    if (!this.#revocations.isKnown) await this.#revocations.refresh();
    return this.#revocations.narrowed(principal);
  }
}

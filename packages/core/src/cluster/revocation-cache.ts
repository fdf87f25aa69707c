import type { Clock, Revocation, Revocations } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { Grants, UserPrincipal } from "../rules/principal.ts";

/**
 * Revocations known to this node.
 *
 * The first refresh reads all of them, later ones read only new ones, so that checking a credential needs no
 * call to the store.
 */
export class RevocationCache {
  readonly #store: Revocations;
  readonly #clock: Clock;
  /** Revocations by kind and id, as in `user:ada`. */
  readonly #known = new Map<string, readonly Revocation[]>();
  #cursor: string | undefined;
  #isKnown = false;
  /** True when revocations were read that no refresh has reported yet. */
  #hasNew = false;
  #reading: Promise<boolean> | undefined;
  #again = false;

  constructor(store: Revocations, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** True once all pages of revocations have been read from the store. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /**
   * Reads new revocations, including every one that was stored before this call. Resolves with true if there
   * were any.
   */
  refresh(): Promise<boolean> {
    // A read under way may have begun before the caller's revocation was stored, so the read must be repeated
    // once.
    if (this.#reading !== undefined) this.#again = true;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
      this.#again = false;
    });
    return this.#reading;
  }

  /**
   * Returns the principal without its revoked grants. Throws `token_revoked` if the whole credential was
   * revoked.
   */
  narrowed(principal: UserPrincipal): UserPrincipal {
    if (this.#known.size === 0) return principal;
    const { user, session, tokenId } = principal;
    let narrowed = principal;
    for (const key of [keyOf("user", user), keyOf("session", session), keyOf("token", tokenId)]) {
      for (const revocation of key === undefined ? [] : (this.#known.get(key) ?? [])) {
        if (!isTargeted(revocation, principal, this.#clock.now())) continue;
        const { grants } = revocation;
        if (grants === undefined) {
          throw new MilepostError("token_revoked", "the token was revoked; get a new one");
        }
        narrowed = without(narrowed, grants);
      }
    }
    return narrowed;
  }

  /** Drops revocations whose `until` has passed: they no longer apply to any token. */
  forget(): void {
    const now = this.#clock.now();
    for (const [key, revocations] of this.#known) {
      const standing = revocations.filter(({ until }) => until > now);
      if (standing.length === 0) this.#known.delete(key);
      else if (standing.length < revocations.length) this.#known.set(key, standing);
    }
  }

  async #read(): Promise<boolean> {
    for (;;) {
      this.#again = false;
      const { revocations, cursor } = await this.#store.read(this.#cursor);
      this.#cursor = cursor;
      for (const revocation of revocations) this.#add(revocation);
      if (revocations.length > 0) this.#hasNew = true;
      else {
        // The revocations count as known from here on, even if another refresh was requested meanwhile.
        // Otherwise admissions would wait for each other's reads.
        this.#isKnown = true;
        if (!this.#again) break;
      }
    }
    const hasNew = this.#hasNew;
    this.#hasNew = false;
    return hasNew;
  }

  #add(revocation: Revocation): void {
    const key = `${revocation.of}:${revocation.id}`;
    const standing = this.#known.get(key) ?? [];
    // A store that does not know the cursor any more returns revocations that are known already.
    const covered = standing.some(
      ({ at, until, grants }) =>
        at >= revocation.at &&
        until >= revocation.until &&
        String(grants) === String(revocation.grants),
    );
    if (!covered) this.#known.set(key, [...standing, revocation]);
  }
}

function keyOf(of: Revocation["of"], id: string | undefined): string | undefined {
  return id === undefined ? undefined : `${of}:${id}`;
}

function isTargeted({ of, at, until }: Revocation, principal: UserPrincipal, now: number): boolean {
  if (until <= now) return false;
  // A token without an issue time counts as issued before the revocation. Issue times have whole seconds, so a
  // token of the same second is revoked too.
  return of === "token" || principal.issuedAt === undefined || principal.issuedAt <= at;
}

function without(principal: UserPrincipal, taken: readonly string[]): UserPrincipal {
  const { grants } = principal;
  const isTaken = (text: string) => taken.includes(text);
  if (!Object.values(grants).some((patterns) => patterns?.some(isTaken))) return principal;
  const left = Object.entries(grants).map(([action, patterns]) => [
    action,
    (patterns ?? []).filter((text: string) => !isTaken(text)),
  ]);
  return { ...principal, grants: Object.fromEntries(left) as Grants };
}

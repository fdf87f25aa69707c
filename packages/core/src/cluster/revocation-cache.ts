import type { Clock, Revocation, Revocations } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { UserPrincipal } from "../rules/principal.ts";

/**
 * What this node knows of revocations: all of them, read once and then only what is new, so that the check of a
 * credential asks nobody.
 */
export class RevocationCache {
  readonly #store: Revocations;
  readonly #clock: Clock;
  /** By what they are of and its id. */
  readonly #known = new Map<string, readonly Revocation[]>();
  #cursor: string | undefined;
  #reading: Promise<boolean> | undefined;
  #again = false;

  constructor(store: Revocations, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Whether it has been read at least once. */
  get isKnown(): boolean {
    return this.#cursor !== undefined;
  }

  /** Reads what is new, all of what was there when it was called; resolves with whether there was something. */
  refresh(): Promise<boolean> {
    // What is read already may have begun before the change that the caller has heard of.
    if (this.#reading !== undefined) this.#again = true;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
      this.#again = false;
    });
    return this.#reading;
  }

  /** The principal as far as it still stands; throws `token_revoked` where nothing of it does. */
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

  /** Forgets what nobody can hold a token of any more. */
  forget(): void {
    const now = this.#clock.now();
    for (const [key, revocations] of this.#known) {
      const standing = revocations.filter(({ until }) => until > now);
      if (standing.length === 0) this.#known.delete(key);
      else if (standing.length < revocations.length) this.#known.set(key, standing);
    }
  }

  async #read(): Promise<boolean> {
    let found = false;
    for (;;) {
      this.#again = false;
      const { revocations, cursor } = await this.#store.read(this.#cursor);
      this.#cursor = cursor;
      for (const revocation of revocations) this.#add(revocation);
      found ||= revocations.length > 0;
      if (revocations.length === 0 && !this.#again) return found;
    }
  }

  #add(revocation: Revocation): void {
    const key = `${revocation.of}:${revocation.id}`;
    const standing = this.#known.get(key) ?? [];
    // A store that has forgotten its place gives again what is known.
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
  // Without a date nobody can say that it came later. Dates of tokens have whole seconds: one of the same second is meant.
  return of === "token" || principal.issuedAt === undefined || principal.issuedAt <= at;
}

function without(principal: UserPrincipal, taken: readonly string[]): UserPrincipal {
  const { subscribe, publish } = principal.grants;
  const left = (patterns: readonly string[]) => patterns.filter((text) => !taken.includes(text));
  if (![...subscribe, ...publish].some((text) => taken.includes(text))) return principal;
  return { ...principal, grants: { subscribe: left(subscribe), publish: left(publish) } };
}

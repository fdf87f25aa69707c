import type { Clock } from "../ports/clock.ts";
import type { Revocation, RevocationPage, Revocations } from "../ports/revocations.ts";

const pageLength = 1_000;

interface Kept {
  readonly number: number;
  readonly endsAt: number;
  readonly revocation: Revocation;
}

/** Revocations kept in the memory of one process. */
export class MemoryRevocations implements Revocations {
  readonly #clock: Clock;
  #kept: readonly Kept[] = [];
  #made = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async add(revocation: Revocation, ttlMs: number): Promise<void> {
    const now = this.#clock.monotonic();
    const standing = this.#kept.filter(({ endsAt }) => endsAt > now);
    this.#kept = [...standing, { number: ++this.#made, endsAt: now + ttlMs, revocation }];
  }

  async read(cursor = "0"): Promise<RevocationPage> {
    const now = this.#clock.monotonic();
    // A cursor beyond the last number comes from another store, so reading starts over.
    const after = Number(cursor) > this.#made ? 0 : Number(cursor);
    const page = this.#kept
      .filter(({ number, endsAt }) => number > after && endsAt > now)
      .slice(0, pageLength);
    return {
      revocations: page.map(({ revocation }) => revocation),
      cursor: String(page.at(-1)?.number ?? after),
    };
  }
}

import type { Clock } from "../ports/clock.ts";
import type { Lease, Leases } from "../ports/leases.ts";
import type { Random } from "../ports/random.ts";

const tokenLength = 32;
const rememberedMs = 24 * 3_600_000;

interface Held {
  readonly lease: Lease;
  /** When it ends on the clock that never goes backwards. */
  readonly endsAt: number;
  /** Given up: its fence lives on so that the next holder's is higher. */
  readonly released: boolean;
}

/** Claims of one process, kept in memory; each is renewed or taken over long after it ended, but for a day at most. */
export class MemoryLeases implements Leases {
  readonly #clock: Clock;
  readonly #random: Random;
  /** In the order of the last acquire or renewal, so that the longest untouched come first. */
  readonly #held = new Map<string, Held>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  async acquire(
    name: string,
    ttlMs: number,
    options?: { readonly force?: boolean },
  ): Promise<Lease | undefined> {
    const known = this.#held.get(name);
    const held = known !== undefined && !known.released && known.endsAt > this.#clock.monotonic();
    if (held && options?.force !== true) return undefined;
    return this.#hold(name, this.#random.id(tokenLength), (known?.lease.fence ?? 0) + 1, ttlMs);
  }

  async renew(name: string, token: string, ttlMs?: number): Promise<Lease | undefined> {
    const known = this.#held.get(name);
    if (known === undefined || known.released || known.lease.token !== token) return undefined;
    return this.#hold(name, token, known.lease.fence, ttlMs ?? known.lease.ttlMs);
  }

  async get(name: string): Promise<Lease | undefined> {
    const known = this.#held.get(name);
    return known === undefined || known.released ? undefined : known.lease;
  }

  async release(name: string, token: string): Promise<boolean> {
    const known = this.#held.get(name);
    if (known === undefined || known.released || known.lease.token !== token) return false;
    this.#held.set(name, { ...known, released: true });
    return true;
  }

  #hold(name: string, token: string, fence: number, ttlMs: number): Lease {
    const lease = { name, token, fence, ttlMs, expiresAt: this.#clock.now() + ttlMs };
    this.#held.delete(name);
    this.#held.set(name, { lease, endsAt: this.#clock.monotonic() + ttlMs, released: false });
    this.#forget();
    return lease;
  }

  #forget(): void {
    const before = this.#clock.monotonic() - rememberedMs;
    for (const [name, { endsAt }] of this.#held) {
      if (endsAt > before) return;
      this.#held.delete(name);
    }
  }
}

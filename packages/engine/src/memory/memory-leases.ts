import type { Clock } from "../ports/clock.ts";
import type { AcquireOptions, Lease, Leases } from "../ports/leases.ts";
import type { Random } from "../ports/random.ts";

const tokenLength = 32;
const rememberedMs = 24 * 3_600_000;

interface Held {
  readonly lease: Lease;
  /** Time at which the lease ends, in milliseconds of the monotonic clock. */
  readonly endsAt: number;
  /** True once the holder released the lease. The record stays so that the next holder's fence is higher. */
  readonly released: boolean;
}

/**
 * Leases of one process, kept in memory. A lease can be renewed or taken over after it ended; its record stays
 * for at least a day after the end.
 */
export class MemoryLeases implements Leases {
  readonly #clock: Clock;
  readonly #random: Random;
  /** Leases in the order of their last acquire or renewal, the least recently touched first. */
  readonly #held = new Map<string, Held>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  async acquire(name: string, ttlMs: number, options?: AcquireOptions): Promise<Lease | undefined> {
    const known = this.#held.get(name);
    const held = known !== undefined && !known.released && known.endsAt > this.#clock.monotonic();
    if (held && options?.force !== true) return undefined;
    const token = this.#random.id(tokenLength);
    const { holder } = options ?? {};
    return this.#hold({
      name,
      token,
      fence: (known?.lease.fence ?? 0) + 1,
      ttlMs,
      since: this.#clock.now(),
      ...(holder === undefined ? {} : { holder }),
    });
  }

  async renew(name: string, token: string, ttlMs?: number): Promise<Lease | undefined> {
    const known = this.#held.get(name);
    if (known === undefined || known.released || known.lease.token !== token) return undefined;
    return this.#hold({ ...known.lease, ttlMs: ttlMs ?? known.lease.ttlMs });
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

  #hold(held: Omit<Lease, "expiresAt">): Lease {
    const { name, ttlMs } = held;
    const lease = { ...held, expiresAt: this.#clock.now() + ttlMs };
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

import type { Clock } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";

/** Addresses that are remembered at a time. */
const maxAddresses = 10_000;

/**
 * Pace of an action that costs a client nothing, by its address: a burst, and then one per interval. An address is
 * forgotten only once it may have its whole burst again.
 */
export class AddressPace {
  readonly #burst: number;
  readonly #intervalMs: number;
  readonly #clock: Pick<Clock, "monotonic">;
  /** Time at which the address may have its whole burst again, in milliseconds of the monotonic clock. */
  readonly #fullAt = new Map<string, number>();

  constructor(
    { burst, intervalMs }: { readonly burst: number; readonly intervalMs: number },
    clock: Pick<Clock, "monotonic">,
  ) {
    this.#burst = burst;
    this.#intervalMs = intervalMs;
    this.#clock = clock;
  }

  /** Counts one action; throws `rate_limited` with the time to wait if the address has used up its burst. */
  take(address: string): void {
    const now = this.#clock.monotonic();
    const known = this.#fullAt.get(address);
    if (known === undefined && this.#fullAt.size >= maxAddresses) this.#forget(now);
    const isFull = known === undefined && this.#fullAt.size >= maxAddresses;
    const fullAt = Math.max(now, known ?? 0);
    const waitMs = isFull ? this.#intervalMs : fullAt - now - (this.#burst - 1) * this.#intervalMs;
    if (waitMs > 1e-6) {
      throw new MilepostError(
        "rate_limited",
        "too many new guests from this address; retry later",
        {
          retryAfterMs: Math.ceil(waitMs),
        },
      );
    }
    this.#fullAt.set(address, fullAt + this.#intervalMs);
  }

  #forget(now: number): void {
    for (const [address, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(address);
  }
}

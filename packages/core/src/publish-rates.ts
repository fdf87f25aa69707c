import { MilepostError } from "@milepost/protocol";
import type { Clock } from "./ports/clock.ts";
import type { PublishRate } from "./rule.ts";

const maxChannels = 10_000;

/**
 * How fast each channel is published to on this node: a bucket per channel, as one number.
 *
 * The number is when the bucket will be full again; a channel whose bucket is full needs none. So what is kept is
 * bounded by the channels that were published to within their burst, and by 10,000: beyond, the one that was used
 * longest ago is forgotten.
 */
export class PublishRates {
  readonly #clock: Pick<Clock, "monotonic">;
  /** By channel, the least recently used first. */
  readonly #fullAt = new Map<string, number>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** How many channels something is remembered of. */
  get size(): number {
    return this.#fullAt.size;
  }

  /** Counts a publish; throws `rate_limited`, with when to try again, when it is one too many. */
  take(
    channel: string,
    { perSecond, burst = Math.max(1, Math.floor(perSecond)) }: PublishRate,
  ): void {
    const now = this.#clock.monotonic();
    const eachMs = 1_000 / perSecond;
    const fullAt = Math.max(now, this.#fullAt.get(channel) ?? 0);
    const waitMs = fullAt - now - (burst - 1) * eachMs;
    // A publish that comes exactly when it may is not to be refused for a rounding.
    if (waitMs > 1e-6) {
      throw new MilepostError(
        "rate_limited",
        `${channel} takes ${perSecond} publishes a second, ${burst} at once`,
        { retryAfterMs: Math.ceil(waitMs) },
      );
    }
    this.#fullAt.delete(channel);
    this.#fullAt.set(channel, fullAt + eachMs);
    if (this.#fullAt.size > maxChannels) this.#forget(now);
  }

  /** Those that are full need not be remembered; where all are in use, the oldest goes. */
  #forget(now: number): void {
    const [oldest] = this.#fullAt.keys();
    for (const [channel, fullAt] of this.#fullAt) if (fullAt <= now) this.#fullAt.delete(channel);
    if (this.#fullAt.size > maxChannels && oldest !== undefined) this.#fullAt.delete(oldest);
  }
}

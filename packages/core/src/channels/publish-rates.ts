import type { Clock } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { PublishRate } from "../rules/rule.ts";
import { RecentNames } from "../runtime/recent-names.ts";

const rememberedChannels = 10_000;

/**
 * Publish rates of channels on this node: one token bucket per channel, stored as the time at which the bucket
 * will be full again.
 *
 * At least the 10,000 most recently published channels are remembered. A forgotten channel starts again with a
 * full bucket.
 */
export class PublishRates {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #fullAt = new RecentNames<number>(rememberedChannels);

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Counts one publish. Throws `rate_limited` with `retryAfterMs` if the channel's bucket is empty. */
  take(
    channel: string,
    { perSecond, burst = Math.max(1, Math.floor(perSecond)) }: PublishRate,
  ): void {
    const now = this.#clock.monotonic();
    const eachMs = 1_000 / perSecond;
    const fullAt = Math.max(now, this.#fullAt.get(channel) ?? 0);
    const waitMs = fullAt - now - (burst - 1) * eachMs;
    // The tolerance keeps rounding errors from refusing a publish that comes exactly on time.
    if (waitMs > 1e-6) {
      throw new MilepostError(
        "rate_limited",
        `too many publishes to ${channel}: its rule allows ${perSecond} per second and ${burst} at once; retry later`,
        { retryAfterMs: Math.ceil(waitMs) },
      );
    }
    this.#fullAt.set(channel, fullAt + eachMs);
  }
}

import type { Clock } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { PublishRate } from "../rules/rule.ts";
import { RecentNames } from "../runtime/recent-names.ts";

const rememberedChannels = 10_000;

/**
 * How fast each channel is published to on this node: a bucket per channel, as one number.
 *
 * The number is when the bucket will be full again. Only the 10,000 channels that were published to most recently
 * are sure to be remembered; one that others have pushed out begins with a full bucket.
 */
export class PublishRates {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #fullAt = new RecentNames<number>(rememberedChannels);

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
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
    this.#fullAt.set(channel, fullAt + eachMs);
  }
}

import type { Clock } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import type { RecentLimits } from "../insight/recent-limits.ts";
import { fullAfter, type Rate, waitFor } from "../limits/bucket.ts";
import { BucketTable, type Forgettable } from "../limits/bucket-table.ts";
import { type Principal, publisherOf } from "../rules/principal.ts";
import type { PublishRate, Rule } from "../rules/rule.ts";
import type { CoreInstruments } from "../runtime/instruments.ts";

/** Number of channels, and of publishers, whose rates are counted one by one at the same time. */
const remembered = 50_000;

class Bucket implements Forgettable {
  fullAt = 0;

  isFresh(now: number): boolean {
    return this.fullAt <= now;
  }
}

/**
 * Publish rates of rules on this node: a token bucket for each channel, and one for each publisher and rule.
 *
 * A bucket is forgotten only once it is full again; see {@link BucketTable}.
 */
export class PublishRates {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #instruments: Pick<CoreInstruments, "publishRateLimits">;
  readonly #limited: Pick<RecentLimits, "note"> | undefined;
  readonly #channels = new BucketTable(remembered, () => new Bucket());
  readonly #publishers = new BucketTable(remembered, () => new Bucket());

  constructor(
    clock: Pick<Clock, "monotonic">,
    instruments: Pick<CoreInstruments, "publishRateLimits">,
    limited?: Pick<RecentLimits, "note">,
  ) {
    this.#limited = limited;
    this.#clock = clock;
    this.#instruments = instruments;
  }

  /**
   * Counts one publish to a channel under a rule. Throws `rate_limited` with `retryAfterMs`, and counts nothing, if the
   * channel's or the publisher's bucket is empty.
   */
  take(principal: Principal, channel: string, { pattern, rate }: Pick<Rule, "pattern" | "rate">) {
    if (rate === undefined) return;
    const now = this.#clock.monotonic();
    const own = bucketRate(rate.perPrincipal ?? rate);
    const isLimited = principal.kind !== "service";
    const publisher = isLimited
      ? this.#publishers.of(`${publisherOf(principal)} ${pattern}`, now)
      : undefined;
    if (publisher !== undefined) {
      const waitMs = waitFor(publisher.fullAt, 1, own, now);
      if (waitMs > 0) {
        this.#instruments.publishRateLimits.principal.add(1);
        this.#limited?.note("publish_rate", publisherOf(principal));
        throw limited(`you publish too much to channels of ${pattern}`, "you", own, waitMs);
      }
    }
    const all = bucketRate(rate);
    const bucket = this.#channels.of(channel, now);
    const waitMs = waitFor(bucket.fullAt, 1, all, now);
    if (waitMs > 0) {
      this.#instruments.publishRateLimits.channel.add(1);
      this.#limited?.note("publish_rate_of_channel", channel);
      throw limited(`too many publishes to ${channel}`, "all together", all, waitMs);
    }
    bucket.fullAt = fullAfter(bucket.fullAt, 1, all, now);
    if (publisher !== undefined) publisher.fullAt = fullAfter(publisher.fullAt, 1, own, now);
  }
}

function bucketRate({ perSecond, burst = Math.max(1, Math.floor(perSecond)) }: PublishRate): Rate {
  return { perSecond, burst };
}

function limited(
  what: string,
  whom: string,
  { perSecond, burst }: Rate,
  waitMs: number,
): MilepostError {
  return new MilepostError(
    "rate_limited",
    `${what}: the rule allows ${whom} ${perSecond} per second and ${burst} at once; retry later`,
    { retryAfterMs: Math.ceil(waitMs) },
  );
}

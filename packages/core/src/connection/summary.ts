import type { Position, Publication } from "@milepost/protocol";
import type { Rule } from "../rules/rule.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import type { HeldSubscriber } from "../send-queue/channel-queue.ts";
import { ChannelQueue } from "../send-queue/channel-queue.ts";

/** What all summaries of one connection share: the node's timer, and room for what they hold. */
export interface SummaryBudget {
  readonly wheel: TimerWheel;
  readonly maxBytes: number;
  bytes: number;
}

/** Who reads in summaries. */
export interface SummarySubscriber extends HeldSubscriber {
  /** Sends consecutive entries, which follow `before`. */
  deliver(publications: readonly Publication[], before: Position): void;
}

/**
 * Lets a reader have one delivery per period: the first entry goes at once, what follows waits for the end of the period, merged
 * by the classes of the channel's rule.
 *
 * When more waits on the connection than there is room for even after merging, it goes early.
 */
export class Summary extends Deadline {
  readonly #subscriber: SummarySubscriber;
  readonly #periodMs: number;
  readonly #budget: SummaryBudget;
  #queue: ChannelQueue | undefined;
  /** What the lane takes of the room. */
  #bytes = 0;

  constructor(reader: SummarySubscriber, periodMs: number, room: SummaryBudget) {
    super();
    this.#subscriber = reader;
    this.#periodMs = periodMs;
    this.#budget = room;
  }

  /** Up to where the reader was sent its channel, while entries wait. */
  get sentUpTo(): Position | undefined {
    return this.#queue?.sent;
  }

  /** Takes consecutive entries, which follow `before`. */
  take(publications: readonly Publication[], before: Position, rule: Rule): void {
    if (this.dueAt === undefined) {
      this.#begin();
      this.#subscriber.deliver(publications, before);
      return;
    }
    this.#queue ??= new ChannelQueue(this.#subscriber, rule, before);
    this.#queue.add(publications);
    this.#count();
    const { bytes, maxBytes } = this.#budget;
    if (bytes <= maxBytes) return;
    this.#queue.merge();
    this.#count();
    // Merging must free an eighth: what frees less and less would be paid for with every entry.
    if (this.#budget.bytes > maxBytes - maxBytes / 8) this.onDue();
  }

  override onDue(): void {
    if (this.#queue === undefined) return;
    this.#begin();
    this.settle();
  }

  /** Delivers what waits, so that what is sent next comes after it. */
  settle(): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    while (!queue.isEmpty) {
      const before = queue.sent;
      const batch = queue.take();
      if (queue.isEmpty) this.#forget();
      this.#subscriber.deliver(batch, before);
    }
  }

  /** Forgets what waits, and waits for nothing more. */
  close(): void {
    this.#budget.wheel.clear(this);
    this.#forget();
  }

  #begin(): void {
    this.#budget.wheel.set(this, this.#periodMs);
  }

  #forget(): void {
    this.#queue = undefined;
    this.#count();
  }

  #count(): void {
    const bytes = this.#queue?.size ?? 0;
    this.#budget.bytes += bytes - this.#bytes;
    this.#bytes = bytes;
  }
}

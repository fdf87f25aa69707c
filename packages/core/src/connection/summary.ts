import type { Position, Publication } from "@milepost/protocol";
import type { Rule } from "../rules/rule.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import type { HeldSubscriber } from "../send-queue/channel-queue.ts";
import { ChannelQueue } from "../send-queue/channel-queue.ts";

/**
 * Resources that all summaries of one connection share: the node's timer wheel, and a limit on the bytes they
 * hold.
 */
export interface SummaryBudget {
  readonly wheel: TimerWheel;
  readonly maxBytes: number;
  bytes: number;
}

/** Subscriber that receives summaries. */
export interface SummarySubscriber extends HeldSubscriber {
  /**
   * Sends entries in order. `before` is the position up to which the subscriber received the channel until now.
   */
  deliver(publications: readonly Publication[], before: Position): void;
}

/**
 * Limits a subscriber to one delivery per period. The first entry is delivered at once. Later ones wait for the
 * end of the period and are merged by the classes of the channel's rule.
 *
 * When the summaries of a connection exceed their shared budget, this summary merges its entries. If more than
 * seven eighths of the budget are still in use, it is delivered early.
 */
export class Summary extends Deadline {
  readonly #subscriber: SummarySubscriber;
  readonly #periodMs: number;
  readonly #budget: SummaryBudget;
  #queue: ChannelQueue | undefined;
  /** Bytes of the budget that the queue takes. */
  #bytes = 0;

  constructor(subscriber: SummarySubscriber, periodMs: number, budget: SummaryBudget) {
    super();
    this.#subscriber = subscriber;
    this.#periodMs = periodMs;
    this.#budget = budget;
  }

  /** Position up to which entries were delivered to the subscriber; undefined while no entries wait. */
  get sentUpTo(): Position | undefined {
    return this.#queue?.sent;
  }

  /**
   * Takes entries in order. `before` is the position up to which the subscriber received the channel until now.
   */
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
    // Merging must free an eighth of the budget. Otherwise it would free less and less, at the cost of a merge
    // for every entry.
    if (this.#budget.bytes > maxBytes - maxBytes / 8) this.onDue();
  }

  override onDue(): void {
    if (this.#queue === undefined) return;
    this.#begin();
    this.settle();
  }

  /** Delivers the waiting entries, so that the next message comes after them. */
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

  /** Drops the waiting entries and clears the timer. */
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

import type { Position, Publication } from "@milepost/protocol";
import type { Rule } from "../rules/rule.ts";
import { ChannelQueue, type HeldSubscriber } from "./channel-queue.ts";

/**
 * Entries that wait, not yet encoded, for one slow connection: a queue for each channel.
 *
 * The queues are emptied by priority; among equals the one that has waited longest goes first. Within a queue
 * the order is the channel's.
 */
export class HeldEntries {
  readonly #queues: ChannelQueue[] = [];

  /** Approximate size of all held entries, in bytes. */
  get size(): number {
    let size = 0;
    for (const queue of this.#queues) size += queue.size;
    return size;
  }

  add(
    subscriber: HeldSubscriber,
    rule: Rule,
    publications: readonly Publication[],
    before: Position,
  ): void {
    let queue = this.#queueOf(subscriber);
    if (queue === undefined) {
      queue = new ChannelQueue(subscriber, rule, before);
      this.#queues.push(queue);
    }
    queue.add(publications);
  }

  /**
   * True if the held entries take at most `room` bytes; merges them first if they take more. That merge must
   * leave an eighth of the room free. Otherwise merges that free less and less would be repeated with every
   * entry.
   */
  fits(room: number): boolean {
    if (this.size <= room) return true;
    for (const queue of this.#queues) queue.merge();
    return this.size <= room - room / 8;
  }

  /**
   * Removes the next batch and returns it encoded: of one subscriber, or of the most urgent queue. Returns
   * undefined when there is none.
   */
  next(subscriber?: HeldSubscriber): Uint8Array | undefined {
    const queue = subscriber === undefined ? this.#mostUrgent() : this.#queueOf(subscriber);
    if (queue === undefined) return undefined;
    const batch = queue.take();
    if (queue.isEmpty) this.#remove(queue);
    return queue.subscriber.encode(batch);
  }

  /**
   * Returns the position up to which a subscriber's entries were sent; undefined when none of its entries wait.
   */
  sentUpTo(subscriber: HeldSubscriber): Position | undefined {
    return this.#queueOf(subscriber)?.sent;
  }

  drop(subscriber: HeldSubscriber): void {
    const queue = this.#queueOf(subscriber);
    if (queue !== undefined) this.#remove(queue);
  }

  #queueOf(subscriber: HeldSubscriber): ChannelQueue | undefined {
    return this.#queues.find((queue) => queue.subscriber === subscriber);
  }

  #mostUrgent(): ChannelQueue | undefined {
    let first = this.#queues[0];
    for (const queue of this.#queues) if (first && queue.rank < first.rank) first = queue;
    return first;
  }

  #remove(queue: ChannelQueue): void {
    this.#queues.splice(this.#queues.indexOf(queue), 1);
  }
}

import type { Position, Publication } from "@milepost/protocol";
import type { Rule } from "../rules/rule.ts";
import { ChannelQueue, type HeldSubscriber } from "./channel-queue.ts";

/**
 * What waits, not yet encoded, for one connection that reads slowly: a lane for each channel.
 *
 * Lanes are emptied by priority, the one that has waited longest first among equals; within a lane the order is the channel's.
 */
export class HeldEntries {
  readonly #queues: ChannelQueue[] = [];

  /** About how many bytes all of it takes. */
  get size(): number {
    let size = 0;
    for (const queue of this.#queues) size += queue.size;
    return size;
  }

  add(
    reader: HeldSubscriber,
    rule: Rule,
    publications: readonly Publication[],
    before: Position,
  ): void {
    let queue = this.#queueOf(reader);
    if (queue === undefined) {
      queue = new ChannelQueue(reader, rule, before);
      this.#queues.push(queue);
    }
    queue.add(publications);
  }

  /**
   * Whether it takes no more than `room` bytes, merged if need be. Merging must free an eighth of the room: one that frees
   * less and less would be paid for with every entry.
   */
  fits(room: number): boolean {
    if (this.size <= room) return true;
    for (const queue of this.#queues) queue.merge();
    return this.size <= room - room / 8;
  }

  /** Takes the next batch, of one reader or of the most urgent lane; undefined when there is none. */
  next(reader?: HeldSubscriber): Uint8Array | undefined {
    const queue = reader === undefined ? this.#mostUrgent() : this.#queueOf(reader);
    if (queue === undefined) return undefined;
    const batch = queue.take();
    if (queue.isEmpty) this.#remove(queue);
    return queue.subscriber.encode(batch);
  }

  /** Up to where a reader was sent its channel; undefined when nothing of it waits. */
  sentUpTo(reader: HeldSubscriber): Position | undefined {
    return this.#queueOf(reader)?.sent;
  }

  drop(reader: HeldSubscriber): void {
    const queue = this.#queueOf(reader);
    if (queue !== undefined) this.#remove(queue);
  }

  #queueOf(reader: HeldSubscriber): ChannelQueue | undefined {
    return this.#queues.find((queue) => queue.subscriber === reader);
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

import type { Position, Publication } from "@milepost/protocol";
import type { Rule } from "../rules/rule.ts";
import { Lane } from "./channel-queue.ts";

/** A reader of one channel whose entries can wait. */
export interface HeldReader {
  /** Consecutive entries, framed for this reader. */
  encode(publications: readonly Publication[]): Uint8Array;
}

/**
 * What waits, not yet encoded, for one connection that reads slowly: a lane for each channel.
 *
 * Lanes are emptied by priority, the one that has waited longest first among equals; within a lane the order is the channel's.
 */
export class Backlog {
  readonly #lanes: Lane[] = [];

  /** About how many bytes all of it takes. */
  get size(): number {
    let size = 0;
    for (const lane of this.#lanes) size += lane.size;
    return size;
  }

  add(
    reader: HeldReader,
    rule: Rule,
    publications: readonly Publication[],
    before: Position,
  ): void {
    let lane = this.#laneOf(reader);
    if (lane === undefined) {
      lane = new Lane(reader, rule, before);
      this.#lanes.push(lane);
    }
    lane.add(publications);
  }

  /**
   * Whether it takes no more than `room` bytes, merged if need be. Merging must free an eighth of the room: one that frees
   * less and less would be paid for with every entry.
   */
  fits(room: number): boolean {
    if (this.size <= room) return true;
    for (const lane of this.#lanes) lane.merge();
    return this.size <= room - room / 8;
  }

  /** Takes the next batch, of one reader or of the most urgent lane; undefined when there is none. */
  next(reader?: HeldReader): Uint8Array | undefined {
    const lane = reader === undefined ? this.#mostUrgent() : this.#laneOf(reader);
    if (lane === undefined) return undefined;
    const batch = lane.take();
    if (lane.isEmpty) this.#remove(lane);
    return lane.reader.encode(batch);
  }

  /** Up to where a reader was sent its channel; undefined when nothing of it waits. */
  sentUpTo(reader: HeldReader): Position | undefined {
    return this.#laneOf(reader)?.sent;
  }

  drop(reader: HeldReader): void {
    const lane = this.#laneOf(reader);
    if (lane !== undefined) this.#remove(lane);
  }

  #laneOf(reader: HeldReader): Lane | undefined {
    return this.#lanes.find((lane) => lane.reader === reader);
  }

  #mostUrgent(): Lane | undefined {
    let first = this.#lanes[0];
    for (const lane of this.#lanes) if (first && lane.rank < first.rank) first = lane;
    return first;
  }

  #remove(lane: Lane): void {
    this.#lanes.splice(this.#lanes.indexOf(lane), 1);
  }
}

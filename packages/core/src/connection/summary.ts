import type { Position, Publication } from "@milepost/protocol";
import type { Rule } from "../rules/rule.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import { Lane } from "../send-queue/channel-queue.ts";
import type { HeldReader } from "../send-queue/held-entries.ts";

/** What all summaries of one connection share: the node's timer, and room for what they hold. */
export interface SummaryRoom {
  readonly wheel: TimerWheel;
  readonly maxBytes: number;
  bytes: number;
}

/** Who reads in summaries. */
export interface SummaryReader extends HeldReader {
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
  readonly #reader: SummaryReader;
  readonly #periodMs: number;
  readonly #room: SummaryRoom;
  #lane: Lane | undefined;
  /** What the lane takes of the room. */
  #bytes = 0;

  constructor(reader: SummaryReader, periodMs: number, room: SummaryRoom) {
    super();
    this.#reader = reader;
    this.#periodMs = periodMs;
    this.#room = room;
  }

  /** Up to where the reader was sent its channel, while entries wait. */
  get sentUpTo(): Position | undefined {
    return this.#lane?.sent;
  }

  /** Takes consecutive entries, which follow `before`. */
  take(publications: readonly Publication[], before: Position, rule: Rule): void {
    if (this.dueAt === undefined) {
      this.#begin();
      this.#reader.deliver(publications, before);
      return;
    }
    this.#lane ??= new Lane(this.#reader, rule, before);
    this.#lane.add(publications);
    this.#count();
    const { bytes, maxBytes } = this.#room;
    if (bytes <= maxBytes) return;
    this.#lane.merge();
    this.#count();
    // Merging must free an eighth: what frees less and less would be paid for with every entry.
    if (this.#room.bytes > maxBytes - maxBytes / 8) this.onDue();
  }

  override onDue(): void {
    if (this.#lane === undefined) return;
    this.#begin();
    this.settle();
  }

  /** Delivers what waits, so that what is sent next comes after it. */
  settle(): void {
    const lane = this.#lane;
    if (lane === undefined) return;
    while (!lane.isEmpty) {
      const before = lane.sent;
      const batch = lane.take();
      if (lane.isEmpty) this.#forget();
      this.#reader.deliver(batch, before);
    }
  }

  /** Forgets what waits, and waits for nothing more. */
  close(): void {
    this.#room.wheel.clear(this);
    this.#forget();
  }

  #begin(): void {
    this.#room.wheel.set(this, this.#periodMs);
  }

  #forget(): void {
    this.#lane = undefined;
    this.#count();
  }

  #count(): void {
    const bytes = this.#lane?.size ?? 0;
    this.#room.bytes += bytes - this.#bytes;
    this.#bytes = bytes;
  }
}

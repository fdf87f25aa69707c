import { type Place, placeOf } from "./position.ts";
import type {
  AckedRecord,
  DurableEndRecord,
  DurableRecord,
  EntryRecord,
  FaultRecord,
  HandedRecord,
  LetterRecord,
} from "./records.ts";
import type { Accuse } from "./violation.ts";

/** Time by which a redelivery may be late while a client holds the durable subscriber, in milliseconds. */
const graceMs = 60_000;

/** Certainty of a recorded change: `maybe` when the answer to it was lost. */
type Surely = "yes" | "maybe";

interface Subscriber {
  readonly channel: string;
  /** Place after which it starts; undefined at the beginning of the log. */
  readonly start: Place | undefined;
  readonly maxAttempts: number;
  readonly settled: Map<string, Surely>;
  readonly refused: Map<string, Surely>;
  readonly letters: Set<string>;
  /**
   * Ranges of dead letters that each stand for many entries: after the first place, up to and including the
   * second.
   */
  readonly spans: (readonly [Place, Place])[];
  /** For each epoch, the offset up to which a saved ack has already been applied to every entry. */
  readonly appliedTo: Map<string, number>;
}

/** Entries of one channel: their positions in the order in which they were stored, and by epoch and offset. */
interface Entries {
  /** Each position with the number of tails that the log had lost when it was stored. */
  readonly positions: Map<string, number>;
  readonly byEpoch: Map<string, Map<number, string[]>>;
  /** Number of tails that the log has lost. */
  lostTails: number;
}

/**
 * Checks G11: an entry that a durable subscriber did not acknowledge is delivered again, or is in the
 * dead-letter queue.
 */
export class DurableChecks {
  readonly #subscribers = new Map<string, Subscriber>();
  readonly #entries = new Map<string, Entries>();

  entry({ channel, position }: EntryRecord): void {
    const entries = this.#entriesOf(channel);
    const { epoch, offset } = placeOf(position);
    entries.positions.set(position, entries.lostTails);
    const offsets = entries.byEpoch.get(epoch) ?? new Map<number, string[]>();
    entries.byEpoch.set(epoch, offsets);
    offsets.set(offset, [...(offsets.get(offset) ?? []), position]);
    // A log that lost its tail has new entries at old offsets, which no earlier ack has settled.
    for (const { channel: of, appliedTo } of this.#subscribers.values()) {
      const applied = of === channel ? appliedTo.get(epoch) : undefined;
      if (applied !== undefined && applied >= offset) appliedTo.set(epoch, offset - 1);
    }
  }

  fault({ fault, channel }: FaultRecord): void {
    if (fault === "tail_lost" && channel !== undefined) this.#entriesOf(channel).lostTails++;
  }

  durable({ subscriber, channel, position, max_attempts }: DurableRecord): void {
    this.#subscribers.set(subscriber, {
      channel,
      start: position === undefined ? undefined : placeOf(position),
      maxAttempts: max_attempts,
      settled: new Map(),
      refused: new Map(),
      letters: new Set(),
      spans: [],
      appliedTo: new Map(),
    });
  }

  handed(record: HandedRecord, accuse: Accuse): void {
    const { subscriber, position, attempt, replayed = false } = record;
    const own = this.#subscriber(subscriber);
    if (!this.#entriesOf(own.channel).positions.has(position)) {
      accuse("G11", `${subscriber} received ${position}, which was never stored`);
    }
    if (replayed) return;
    if (own.settled.get(position) === "yes") {
      accuse("G11", `${subscriber} received ${position} again after its ack was saved`);
    }
    if (attempt > own.maxAttempts) {
      accuse(
        "G11",
        `${subscriber} received ${position} ${attempt} times, more than its attempts allow`,
      );
    }
  }

  /** Records an ack or a nack that was answered, or whose connection ended before the answer. */
  acked({ subscriber, position, kind, outcome }: AckedRecord): void {
    if (outcome === "refused") return;
    const own = this.#subscriber(subscriber);
    const surely: Surely = outcome === "saved" ? "yes" : "maybe";
    if (kind === "nack") {
      raise(own.refused, position, surely);
      return;
    }
    const refused = own.refused.get(position);
    raise(own.settled, position, surely);
    // Acknowledging an entry that is scheduled for its own retry settles no earlier entries.
    if (refused === "yes") return;
    const { epoch, offset } = placeOf(position);
    const { positions, byEpoch } = this.#entriesOf(own.channel);
    const offsets = byEpoch.get(epoch);
    if (offsets === undefined) return;
    const lostTails = positions.get(position) ?? 0;
    let isCertain = surely === "yes" && refused === undefined;
    const first = (own.appliedTo.get(epoch) ?? 0) + 1;
    for (let at = first; at < offset; at++) {
      for (const other of offsets.get(at) ?? []) {
        // An entry that was lost settles none of those that were stored in its place, though their offsets are smaller.
        if ((positions.get(other) ?? 0) > lostTails) {
          isCertain = false;
          continue;
        }
        const isRefused = own.refused.get(other);
        if (isRefused === "yes") continue;
        if (isRefused === "maybe") isCertain = false;
        raise(own.settled, other, isRefused === "maybe" || refused === "maybe" ? "maybe" : surely);
      }
    }
    if (isCertain && offset > first) own.appliedTo.set(epoch, offset - 1);
  }

  letter({ subscriber, position, since }: LetterRecord): void {
    const own = this.#subscriber(subscriber);
    if (since === undefined) own.letters.add(position);
    else own.spans.push([placeOf(since), placeOf(position)]);
  }

  /**
   * Checks the final state that the gateway reports: every entry not pending must be acknowledged or in the
   * dead-letter queue.
   */
  end({ subscriber, sent, pending, is_held }: DurableEndRecord, accuse: Accuse): void {
    const own = this.#subscriber(subscriber);
    const head = placeOf(sent);
    const unsettled = new Map(pending.map((entry) => [entry.position, entry]));
    for (const { position, attempts, due_in_ms } of pending) {
      if (attempts > own.maxAttempts) {
        accuse(
          "G11",
          `${position} has used up the attempts of ${subscriber} and is not in the dead-letter queue`,
        );
      }
      if (is_held && due_in_ms < -graceMs) {
        accuse("G11", `${position} was due to ${subscriber} long ago and was not delivered`);
      }
    }
    for (const position of this.#entriesOf(own.channel).positions.keys()) {
      const place = placeOf(position);
      const { start } = own;
      const isAfterStart =
        start === undefined || place.epoch !== start.epoch || place.offset > start.offset;
      const isYetToCome = place.epoch === head.epoch && place.offset > head.offset;
      if (!isAfterStart || isYetToCome || unsettled.has(position)) continue;
      if (own.settled.has(position) || own.letters.has(position)) continue;
      if (own.spans.some(([from, to]) => isWithin(place, from, to))) continue;
      accuse(
        "G11",
        `${subscriber} lost ${position}: it is neither acknowledged, nor a dead letter, nor pending`,
      );
    }
  }

  #entriesOf(channel: string): Entries {
    const known = this.#entries.get(channel);
    if (known !== undefined) return known;
    const entries: Entries = { positions: new Map(), byEpoch: new Map(), lostTails: 0 };
    this.#entries.set(channel, entries);
    return entries;
  }

  #subscriber(name: string): Subscriber {
    const own = this.#subscribers.get(name);
    if (own === undefined)
      throw new Error(`no record says where the durable subscriber ${name} starts`);
    return own;
  }
}

function raise(known: Map<string, Surely>, position: string, surely: Surely): void {
  if (known.get(position) !== "yes") known.set(position, surely);
}

function isWithin({ epoch, offset }: Place, from: Place, to: Place): boolean {
  if (epoch === from.epoch && epoch === to.epoch)
    return offset > from.offset && offset <= to.offset;
  return (
    (epoch === from.epoch && offset > from.offset) || (epoch === to.epoch && offset <= to.offset)
  );
}

import { type Place, placeOf } from "./position.ts";
import type {
  AckedRecord,
  DurableEndRecord,
  DurableRecord,
  EntryRecord,
  HandedRecord,
  LetterRecord,
} from "./records.ts";
import type { Accuse } from "./violation.ts";

/** How long past its time a redelivery may be while somebody holds the subscriber. */
const graceMs = 60_000;

/** Whether something is so: `maybe` where an answer was lost. */
type Surely = "yes" | "maybe";

interface Subscriber {
  readonly channel: string;
  readonly start: Place;
  readonly maxAttempts: number;
  readonly settled: Map<string, Surely>;
  readonly refused: Map<string, Surely>;
  readonly letters: Set<string>;
  /** Letters that stand for many: after the first up to the second. */
  readonly spans: (readonly [Place, Place])[];
}

/** G11: what a durable subscriber did not acknowledge comes again, or is in the dead letters. */
export class DurableChecks {
  readonly #subscribers = new Map<string, Subscriber>();
  /** The entries of each channel, in the order in which they were stored. */
  readonly #entries = new Map<string, string[]>();

  entry({ channel, position }: EntryRecord): void {
    const entries = this.#entries.get(channel);
    if (entries === undefined) this.#entries.set(channel, [position]);
    else entries.push(position);
  }

  durable({ subscriber, channel, position, max_attempts }: DurableRecord): void {
    this.#subscribers.set(subscriber, {
      channel,
      start: placeOf(position),
      maxAttempts: max_attempts,
      settled: new Map(),
      refused: new Map(),
      letters: new Set(),
      spans: [],
    });
  }

  handed(record: HandedRecord, accuse: Accuse): void {
    const { subscriber, position, attempt, replayed = false } = record;
    const own = this.#subscriber(subscriber);
    if (this.#entries.get(own.channel)?.includes(position) !== true) {
      accuse("G11", `${subscriber} was given ${position}, which was never stored`);
    }
    if (replayed) return;
    if (own.settled.get(position) === "yes") {
      accuse("G11", `${subscriber} was given ${position} again after its ack was saved`);
    }
    if (attempt > own.maxAttempts) {
      accuse("G11", `${subscriber} was given ${position} ${attempt} times`);
    }
  }

  /** An ack or a nack was answered, or the connection went before it was. */
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
    // One that has a retry of its own settles nothing else.
    if (refused === "yes") return;
    const { epoch, offset } = placeOf(position);
    for (const other of this.#entries.get(own.channel) ?? []) {
      const place = placeOf(other);
      if (place.epoch !== epoch || place.offset >= offset) continue;
      const isRefused = own.refused.get(other);
      if (isRefused === "yes") continue;
      raise(own.settled, other, isRefused === "maybe" || refused === "maybe" ? "maybe" : surely);
    }
  }

  letter({ subscriber, position, since }: LetterRecord): void {
    const own = this.#subscriber(subscriber);
    if (since === undefined) own.letters.add(position);
    else own.spans.push([placeOf(since), placeOf(position)]);
  }

  /** What the service says at the end: everything else must be acknowledged or in a letter. */
  end({ subscriber, sent, pending, is_held }: DurableEndRecord, accuse: Accuse): void {
    const own = this.#subscriber(subscriber);
    const head = placeOf(sent);
    const unsettled = new Map(pending.map((entry) => [entry.position, entry]));
    for (const { position, attempts, due_in_ms } of pending) {
      if (attempts > own.maxAttempts) {
        accuse("G11", `${position} is past the budget of ${subscriber} and in no letter`);
      }
      if (is_held && due_in_ms < -graceMs) {
        accuse("G11", `${position} was due to ${subscriber} long ago and did not come`);
      }
    }
    for (const position of this.#entries.get(own.channel) ?? []) {
      const place = placeOf(position);
      const isAfterStart = place.epoch !== own.start.epoch || place.offset > own.start.offset;
      const isYetToCome = place.epoch === head.epoch && place.offset > head.offset;
      if (!isAfterStart || isYetToCome || unsettled.has(position)) continue;
      if (own.settled.has(position) || own.letters.has(position)) continue;
      if (own.spans.some(([from, to]) => isWithin(place, from, to))) continue;
      accuse(
        "G11",
        `${subscriber} lost ${position}: neither acknowledged, nor given up, nor pending`,
      );
    }
  }

  #subscriber(name: string): Subscriber {
    const own = this.#subscribers.get(name);
    if (own === undefined) throw new Error(`no record says where ${name} starts`);
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

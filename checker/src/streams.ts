import type { ChannelHistory, Life } from "./logs.ts";
import { type Place, placeOf } from "./position.ts";
import type {
  DeliveryRecord,
  FaultRecord,
  GapRecord,
  PendingRecord,
  ResetRecord,
  SubscribedRecord,
  SubscribeRecord,
} from "./records.ts";
import type { Accuse } from "./violation.ts";

/** Subscriber and the position it holds. */
interface Stream {
  readonly name: string;
  readonly history: ChannelHistory;
  events: ReadonlySet<string> | undefined;
  /** Position up to which the subscriber has every entry, apart from gaps that were reported to it. */
  at: Place | undefined;
  askedAt: number;
  asked: string | undefined;
  /** True from a subscribe until its answer. */
  starting: boolean;
  /** True while the gateway says that the subscription waits for its operation. */
  waits: boolean;
  /** True when the subscriber's credential allowed the channel at the subscribe. */
  readonly allowed: boolean;
  /**
   * Gap that must arrive before anything else, because the answer began further on than the subscriber asked.
   */
  awaited: { readonly to: string; readonly reason: string } | undefined;
  /** True while nothing has arrived since the answer. */
  fresh: boolean;
  left: boolean;
}

const comingMs = 10_000;
/**
 * Age in milliseconds up to which an entry may still be under way at the catch-up check. There are such entries
 * because the gateway itself continues to write.
 */
const arrivalMs = 500;
/** Time within which a position check notices a new empty log, in milliseconds. */
const noticeMs = 26_000;

/**
 * Checks each subscriber's stream: it is contiguous or has a valid gap, invents nothing, and reaches the head
 * after the faults.
 */
export class StreamChecks {
  readonly #logs: ReadonlyMap<string, ChannelHistory>;
  readonly #maxReplay: () => number;
  readonly #streams = new Map<string, Stream>();
  #storeFaults = 0;
  #storeFaultAt = Number.NEGATIVE_INFINITY;

  constructor(logs: ReadonlyMap<string, ChannelHistory>, maxReplay: () => number) {
    this.#logs = logs;
    this.#maxReplay = maxReplay;
  }

  fault({ fault, phase }: FaultRecord, t: number): void {
    if (!fault.startsWith("store_")) return;
    if (phase === "start") this.#storeFaults++;
    if (phase === "stop") this.#storeFaults--;
    this.#storeFaultAt = t;
  }

  subscribe(record: SubscribeRecord, t: number, accuse: Accuse): void {
    const { subscriber: name, channel, since } = record;
    const history = this.#logs.get(channel);
    if (history === undefined) {
      accuse("journal", `${name} subscribes to ${channel}, which no record describes`);
      return;
    }
    const known = this.#streams.get(name);
    const holds = known?.at;
    const isPosition = since?.includes(".") === true;
    if (isPosition && holds !== undefined && !known?.left && !same(placeOf(since), holds)) {
      accuse("G4", `${name} is at ${text(holds)}, but its cursor says ${since}`);
    }
    const events = record.events === undefined ? undefined : new Set(record.events);
    this.#streams.set(name, {
      name,
      history,
      events,
      at: isPosition ? placeOf(since) : undefined,
      askedAt: t,
      asked: since,
      starting: true,
      waits: false,
      allowed: record.allowed !== false,
      awaited: undefined,
      fresh: true,
      left: false,
    });
  }

  subscribed(record: SubscribedRecord, t: number, accuse: Accuse): void {
    const stream = this.#stream(record.subscriber, accuse);
    if (stream === undefined) return;
    const { position, recovered, stale = false, reason, state } = record;
    const place = placeOf(position);
    const held = stream.at;
    stream.starting = false;
    stream.waits = false;
    stream.fresh = true;
    if (!stream.allowed)
      accuse("G10", `${stream.name} was started on a channel that its credential does not allow`);
    if (!this.#exists(stream, place)) {
      accuse("G4", `${stream.name} was started at ${position}, which is not in the log`);
    }
    if (stale && this.#hasStore(t)) {
      accuse("G6", `${stream.name} was answered from memory, but the store was available`);
    }
    if (stale && reason !== undefined) {
      accuse("G4", `${stream.name} received the reason ${reason} from a node that cannot know it`);
    }
    if (state !== undefined) this.#checkState(stream, place, state, accuse);
    if (held === undefined || stream.asked === undefined || !stream.asked.includes(".")) {
      if (recovered === true)
        accuse(
          "G4",
          `${stream.name} had no position, but the answer at ${position} says recovered`,
        );
      stream.at = place;
      // A gap before the oldest entry kept, if there is one, ends where the stream begins.
      return;
    }
    if (recovered === undefined && state === undefined) {
      if (!same(place, held))
        accuse("G4", `${stream.name} was at ${text(held)}, but was started at ${position}`);
      return;
    }
    if (recovered === true) {
      if (!same(place, held)) {
        accuse(
          "G4",
          `${stream.name} was at ${text(held)}, but the answer says recovered at ${position}`,
        );
      }
      // A node without its store vouches for what it held. It reports later what the log has lost meanwhile.
      this.#checkRecovered(stream, held, stale ? 0 : stream.askedAt, t, accuse);
      stream.at = place;
      return;
    }
    if (reason === undefined) {
      accuse(
        "G4",
        `${stream.name} asked from ${text(held)} and was started at ${position} without a reason`,
      );
      stream.at = place;
      return;
    }
    if (state === undefined) {
      if (stream.history.channel.projection !== null) {
        accuse("G4", `${stream.name} was not recovered and received no state`);
      }
      stream.awaited = { to: position, reason };
      return;
    }
    this.#justify(stream, held, place, reason, t, accuse);
    stream.at = place;
  }

  /** The next answer continues at the position that the subscriber has, or starts it like a subscribe. */
  pending(record: PendingRecord, t: number, accuse: Accuse): void {
    const stream = this.#stream(record.subscriber, accuse);
    if (stream === undefined) return;
    if (!stream.history.channel.channel.startsWith("operation:")) {
      accuse(
        "G4",
        `${stream.name} is told to wait for an operation that its channel does not have`,
      );
    }
    if (stream.at !== undefined) stream.asked = text(stream.at);
    stream.starting = false;
    stream.waits = true;
    stream.askedAt = t;
  }

  delivery(record: DeliveryRecord, t: number, accuse: Accuse): void {
    const stream = this.#stream(record.subscriber, accuse);
    if (stream === undefined) return;
    const { position, event, hash } = record;
    const place = placeOf(position);
    const entry = stream.history.entry(place);
    if (entry === undefined) {
      accuse("G1", `${stream.name} received ${position}, which was never stored`);
    } else if (entry.hash !== hash || entry.event !== event) {
      accuse("G1", `${stream.name} received another entry at ${position} than was stored`);
    }
    if (stream.starting)
      accuse("G4", `${stream.name} received ${position} before its subscribe was answered`);
    if (stream.awaited !== undefined) {
      accuse("G4", `${stream.name} received ${position} before the gap to ${stream.awaited.to}`);
      stream.awaited = undefined;
    }
    const { at } = stream;
    stream.at = place;
    stream.fresh = false;
    if (at === undefined) return;
    if (place.epoch !== at.epoch) {
      accuse(
        "G4",
        `${stream.name} went from ${text(at)} to ${position}, in another epoch, without a gap or reset`,
      );
      return;
    }
    if (place.offset <= at.offset) {
      accuse("G3", `${stream.name} received ${position} when it was already at ${text(at)}`);
      return;
    }
    if (stream.events !== undefined && !stream.events.has(event)) {
      accuse("G4", `${stream.name} received ${event}, which it did not ask for`);
    }
    const missed = this.#missed(stream, at, place.offset, t);
    if (missed !== undefined) {
      accuse(
        "G4",
        `${stream.name} was at ${text(at)}, then received ${position}; ${missed} was not delivered`,
      );
    }
  }

  gap(record: GapRecord, t: number, accuse: Accuse): void {
    const stream = this.#stream(record.subscriber, accuse);
    if (stream === undefined) return;
    const { from, to, reason } = record;
    const [begin, end] = [placeOf(from), placeOf(to)];
    const { at, awaited } = stream;
    stream.awaited = undefined;
    if (awaited !== undefined && (awaited.to !== to || awaited.reason !== reason)) {
      accuse("G4", `${stream.name} expected a gap to ${awaited.to}, but received one to ${to}`);
    }
    // Right after the answer to a fresh subscribe, a gap reports what came before the beginning.
    const before = stream.fresh && at !== undefined && same(end, at);
    if (!before && at !== undefined && !same(begin, at) && stream.events === undefined) {
      accuse("G4", `${stream.name} was at ${text(at)}, but received a gap from ${from}`);
    }
    if (!this.#exists(stream, end)) {
      accuse("G4", `${stream.name} received a gap to ${to}, which is not in the log`);
    }
    this.#justify(stream, begin, end, reason, t, accuse);
    stream.at = end;
    stream.fresh = false;
  }

  reset(record: ResetRecord, t: number, accuse: Accuse): void {
    const stream = this.#stream(record.subscriber, accuse);
    if (stream === undefined) return;
    const place = placeOf(record.position);
    if (!this.#exists(stream, place)) {
      accuse("G4", `${stream.name} was reset to ${record.position}, which is not in the log`);
    }
    this.#checkState(stream, place, record.state, accuse);
    if (stream.at !== undefined) this.#justify(stream, stream.at, place, record.reason, t, accuse);
    stream.at = place;
    stream.fresh = false;
    stream.starting = false;
    stream.awaited = undefined;
  }

  left(name: string): void {
    const stream = this.#streams.get(name);
    if (stream !== undefined) stream.left = true;
  }

  /** Checks that every subscriber that has not left is at the end of its log. */
  converged(t: number, accuse: Accuse): void {
    for (const stream of this.#streams.values()) {
      if (stream.left) continue;
      const { name, history, at } = stream;
      const life = history.current;
      if (stream.waits) {
        const exists = life !== undefined && firstUnderWay(life, t - noticeMs) > 1;
        if (exists && stream.allowed)
          accuse("G4", `${name} still waits for ${history.channel.channel}, which exists`);
        continue;
      }
      // A subscriber that is just reconnecting may not have an answer yet.
      const isComing = stream.starting && t - stream.askedAt < comingMs;
      if (at === undefined && isComing) continue;
      if ((stream.starting && !isComing) || stream.awaited !== undefined || at === undefined) {
        accuse("G4", `${name} on ${history.channel.channel} was never started`);
        continue;
      }
      if (life === undefined) continue;
      if (at.epoch !== life.epoch) {
        // An empty log that started just now is noticed only at the next position check.
        if (life.all.length === 0 && t - life.beganAt < noticeMs) continue;
        accuse("G4", `${name} stayed at ${text(at)}, but the log's epoch is now ${life.epoch}`);
        continue;
      }
      const until = firstUnderWay(life, t - arrivalMs);
      const missed = this.#missed(stream, at, until, Number.POSITIVE_INFINITY);
      if (missed !== undefined) {
        accuse("G4", `${name} stayed at ${text(at)}; ${missed} was not delivered`);
      } else if (at.offset > life.head) {
        accuse("G4", `${name} is at ${text(at)}, past the end of the log at offset ${life.head}`);
      }
    }
  }

  #stream(name: string, accuse: Accuse): Stream | undefined {
    const stream = this.#streams.get(name);
    if (stream === undefined) accuse("journal", `${name} never subscribed, but received something`);
    else if (stream.left) accuse("G4", `${name} has left, but still receives something`);
    else return stream;
    return undefined;
  }

  /**
   * Returns the first entry between two places that the subscriber should have received; undefined when there
   * is none.
   */
  #missed({ history, events }: Stream, at: Place, until: number, t: number): string | undefined {
    const life = history.life(at.epoch);
    if (life === undefined) return `the log of epoch ${at.epoch}`;
    for (let offset = at.offset + 1; offset < until; offset++) {
      const entry = life.entries.get(offset) ?? lastAt(life, offset);
      if (entry === undefined || entry.t > t) return `offset ${offset}`;
      if (events === undefined || events.has(entry.event)) {
        return `${entry.place.offset}.${entry.place.tag}`;
      }
    }
    return undefined;
  }

  /** Returns true when the log had this place: an entry, or the beginning of a life. */
  #exists({ history }: Stream, place: Place): boolean {
    if (place.offset === 0) return history.life(place.epoch) !== undefined;
    return history.entry(place) !== undefined;
  }

  /**
   * Checks an answer of `recovered`: the held position must have been in the log at some time since `since`.
   */
  #checkRecovered(stream: Stream, held: Place, since: number, t: number, accuse: Accuse): void {
    const { history, name } = stream;
    const life = history.life(held.epoch);
    if (life === undefined || (life.endedAt !== undefined && life.endedAt < since)) {
      accuse("G4", `${name} was answered recovered at ${text(held)}, but that log has ended`);
      return;
    }
    if (held.offset === 0) return;
    const entry = history.entry(held);
    if (entry === undefined || (entry.lostAt !== undefined && entry.lostAt < since)) {
      accuse("G4", `${name} was answered recovered at ${text(held)}, which the log has lost`);
    } else if (entry.t > t) {
      accuse("G4", `${name} was answered recovered at ${text(held)} before that entry was stored`);
    }
  }

  /** Returns true if no fault of the store explains at this time that a node was without it. */
  #hasStore(t: number): boolean {
    return this.#storeFaults === 0 && t - this.#storeFaultAt > 30_000;
  }

  /** Checks that the history of the log explains the reason of a gap or reset. */
  #justify(
    { name, history, events }: Stream,
    from: Place,
    to: Place,
    reason: string,
    t: number,
    accuse: Accuse,
  ): void {
    const life = history.life(from.epoch);
    const says = `${name} received the reason ${reason} between ${text(from)} and ${text(to)}`;
    if (life === undefined) {
      accuse("G4", `${says}, but no record has the epoch of the start`);
      return;
    }
    switch (reason) {
      case "trimmed": {
        const first = from.offset + 1;
        if (from.epoch !== to.epoch) accuse("G4", `${says}, but the end is in another log`);
        else if (!history.mayBeTrimmed(life, first, t))
          accuse("G4", `${says}, but the log still has these entries`);
        return;
      }
      case "epoch_changed":
        if (from.epoch === to.epoch) accuse("G4", `${says}, but both are in the same log`);
        else if (!history.mayHaveEnded(life, t)) accuse("G4", `${says}, but nothing ended the log`);
        return;
      case "tag_mismatch": {
        // A subscriber that filters by event may be further on than the last entry it received.
        const lost = life.tailLosses.some(
          (loss) => (events !== undefined || loss.offset < from.offset) && loss.t <= t,
        );
        if (!lost) accuse("G4", `${says}, but the log lost no tail`);
        return;
      }
      case "limit":
        if (to.offset - from.offset > 0 && mostStored(life) - from.offset > this.#maxReplay()) {
          return;
        }
        accuse("G4", `${says}, but the number of entries between them is within the limit`);
        return;
      case "store_unavailable":
        if (this.#hasStore(t)) {
          accuse("G4", `${says}, but the store was available`);
        }
        return;
      default:
        accuse("G4", says);
    }
  }

  /** Checks that a state of the projection `latest` is the entry at its position. */
  #checkState({ name, history }: Stream, place: Place, state: string, accuse: Accuse): void {
    if (history.channel.projection !== "latest" || place.offset === 0) return;
    const entry = history.entry(place);
    if (entry !== undefined && entry.hash !== state) {
      accuse("G4", `${name} received a state at ${text(place)} that differs from the entry there`);
    }
  }
}

/** Returns the first offset that was stored so late that it may still be under way. */
function firstUnderWay(life: Life, since: number): number {
  let offset = life.head + 1;
  while ((life.entries.get(offset - 1)?.t ?? since) > since) offset--;
  return offset;
}

function lastAt(life: Life, offset: number) {
  return life.all.findLast(({ place }) => place.offset === offset);
}

function mostStored(life: Life): number {
  return life.all.reduce((most, { place }) => Math.max(most, place.offset), 0);
}

function same(a: Place, b: Place): boolean {
  return a.epoch === b.epoch && a.offset === b.offset && a.tag === b.tag;
}

function text({ epoch, offset, tag }: Place): string {
  return `${epoch}.${offset}.${tag}`;
}

import type { ChannelHistory, Life } from "./logs.ts";
import { type Place, placeOf } from "./position.ts";
import type {
  DeliveryRecord,
  FaultRecord,
  GapRecord,
  ResetRecord,
  SubscribedRecord,
  SubscribeRecord,
} from "./records.ts";
import type { Accuse } from "./violation.ts";

/** One subscriber and what it holds. */
interface Stream {
  readonly name: string;
  readonly history: ChannelHistory;
  events: ReadonlySet<string> | undefined;
  /** Up to where it claims to have everything, but for what it was told it lacks. */
  at: Place | undefined;
  askedAt: number;
  asked: string | undefined;
  /** Asked, and not answered. */
  starting: boolean;
  /** Its credential allowed the channel when it asked. */
  readonly allowed: boolean;
  /** The answer went on further than what was asked for: a gap must say so before anything else. */
  awaited: { readonly to: string; readonly reason: string } | undefined;
  /** Nothing came since the answer. */
  fresh: boolean;
  left: boolean;
}

const comingMs = 10_000;
/** What was stored just before the moment of truth may be under way: the gateway itself goes on writing. */
const arrivalMs = 500;
/** A position check. */
const noticeMs = 26_000;

/** Every subscriber's stream: contiguous or excused, nothing invented, and at the head when all is healed. */
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
      accuse("G4", `${name} holds ${text(holds)} and its cursor says ${since}`);
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
      allowed: record.allowed !== false,
      awaited: undefined,
      fresh: true,
      left: false,
    });
  }

  subscribed(record: SubscribedRecord, t: number, accuse: Accuse): void {
    const stream = this.#stream(record.subscriber, accuse);
    if (stream === undefined) return;
    const { position, recovered, reason, state } = record;
    const place = placeOf(position);
    const held = stream.at;
    stream.starting = false;
    stream.fresh = true;
    if (!stream.allowed) accuse("G10", `${stream.name} was started without being allowed to`);
    if (!this.#exists(stream, place)) {
      accuse("G4", `${stream.name} was started at ${position}, which never was`);
    }
    if (state !== undefined) this.#checkState(stream, place, state, accuse);
    if (held === undefined || stream.asked === undefined || !stream.asked.includes(".")) {
      if (recovered === true)
        accuse("G4", `${stream.name} had nothing, and was told recovered at ${position}`);
      stream.at = place;
      // The gap before the oldest entry kept, where there is one, ends where the stream begins.
      return;
    }
    if (recovered === undefined && state === undefined) {
      if (!same(place, held)) accuse("G4", `${stream.name} held ${text(held)} and got ${position}`);
      return;
    }
    if (recovered === true) {
      if (!same(place, held)) {
        accuse("G4", `${stream.name} held ${text(held)} and was told recovered at ${position}`);
      }
      this.#checkRecovered(stream, held, t, accuse);
      stream.at = place;
      return;
    }
    if (reason === undefined) {
      accuse("G4", `${stream.name} asked from ${text(held)}, got ${position} and no reason`);
      stream.at = place;
      return;
    }
    if (state === undefined) {
      if (stream.history.channel.projection !== null) {
        accuse("G4", `${stream.name} was not recovered and got no state`);
      }
      stream.awaited = { to: position, reason };
      return;
    }
    this.#justify(stream, held, place, reason, t, accuse);
    stream.at = place;
  }

  delivery(record: DeliveryRecord, t: number, accuse: Accuse): void {
    const stream = this.#stream(record.subscriber, accuse);
    if (stream === undefined) return;
    const { position, event, hash } = record;
    const place = placeOf(position);
    const entry = stream.history.entry(place);
    if (entry === undefined) {
      accuse("G1", `${stream.name} was given ${position}, which was never stored`);
    } else if (entry.hash !== hash || entry.event !== event) {
      accuse("G1", `${stream.name} was given something else at ${position} than was stored`);
    }
    if (stream.starting) accuse("G4", `${stream.name} was given ${position} before any answer`);
    if (stream.awaited !== undefined) {
      accuse("G4", `${stream.name} was given ${position} before the gap to ${stream.awaited.to}`);
      stream.awaited = undefined;
    }
    const { at } = stream;
    stream.at = place;
    stream.fresh = false;
    if (at === undefined) return;
    if (place.epoch !== at.epoch) {
      accuse("G4", `${stream.name} went from ${text(at)} to ${position} without a word`);
      return;
    }
    if (place.offset <= at.offset) {
      accuse("G3", `${stream.name} was given ${position} when it had ${text(at)}`);
      return;
    }
    if (stream.events !== undefined && !stream.events.has(event)) {
      accuse("G4", `${stream.name} did not ask for ${event}`);
    }
    const missed = this.#missed(stream, at, place.offset, t);
    if (missed !== undefined) {
      accuse("G4", `${stream.name} had ${text(at)}, then ${position}; ${missed} never came`);
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
      accuse("G4", `${stream.name} expected a gap to ${awaited.to} and got one to ${to}`);
    }
    // Right after the answer to a fresh subscribe a gap tells what came before where it begins.
    const before = stream.fresh && at !== undefined && same(end, at);
    if (!before && at !== undefined && !same(begin, at) && stream.events === undefined) {
      accuse("G4", `${stream.name} had ${text(at)} and was told of a gap from ${from}`);
    }
    if (!this.#exists(stream, end)) {
      accuse("G4", `${stream.name} was told of a gap to ${to}, which never was`);
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
      accuse("G4", `${stream.name} was reset to ${record.position}, which never was`);
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

  /** Everybody who is still there must be where the log ends. */
  converged(t: number, accuse: Accuse): void {
    for (const stream of this.#streams.values()) {
      if (stream.left) continue;
      const { name, history, at } = stream;
      const life = history.current;
      // Whoever comes back just now, and lacks nothing, is as good as there.
      const isComing = stream.starting && t - stream.askedAt < comingMs;
      if (at === undefined && isComing) continue;
      if ((stream.starting && !isComing) || stream.awaited !== undefined || at === undefined) {
        accuse("G4", `${name} on ${history.channel.channel} was never started`);
        continue;
      }
      if (life === undefined) continue;
      if (at.epoch !== life.epoch) {
        // A log that began anew just now and is empty is noticed with the next position checks.
        if (life.all.length === 0 && t - life.beganAt < noticeMs) continue;
        accuse("G4", `${name} is left at ${text(at)}; the log is ${life.epoch} now`);
        continue;
      }
      const until = firstUnderWay(life, t - arrivalMs);
      const missed = this.#missed(stream, at, until, Number.POSITIVE_INFINITY);
      if (missed !== undefined) {
        accuse("G4", `${name} is left at ${text(at)}; ${missed} never came`);
      } else if (at.offset > life.head) {
        accuse("G4", `${name} is at ${text(at)}, past the end of the log at ${life.head}`);
      }
    }
  }

  #stream(name: string, accuse: Accuse): Stream | undefined {
    const stream = this.#streams.get(name);
    if (stream === undefined) accuse("journal", `${name} never subscribed`);
    else if (stream.left) accuse("G4", `${name} has left and is still told something`);
    else return stream;
    return undefined;
  }

  /** The first entry between two places that the subscriber should have been given. */
  #missed({ history, events }: Stream, at: Place, until: number, t: number): string | undefined {
    const life = history.life(at.epoch);
    if (life === undefined) return `the life of ${at.epoch}`;
    for (let offset = at.offset + 1; offset < until; offset++) {
      const entry = life.entries.get(offset) ?? lastAt(life, offset);
      if (entry === undefined || entry.t > t) return `offset ${offset}`;
      if (events === undefined || events.has(entry.event)) {
        return `${entry.place.offset}.${entry.place.tag}`;
      }
    }
    return undefined;
  }

  /** A place that the log had: an entry, or the beginning of a life. */
  #exists({ history }: Stream, place: Place): boolean {
    if (place.offset === 0) return history.life(place.epoch) !== undefined;
    return history.entry(place) !== undefined;
  }

  /** Recovered means: what the subscriber holds was in the log at some time since it asked. */
  #checkRecovered(stream: Stream, held: Place, t: number, accuse: Accuse): void {
    const { history, name, askedAt } = stream;
    const life = history.life(held.epoch);
    if (life === undefined || (life.endedAt !== undefined && life.endedAt < askedAt)) {
      accuse("G4", `${name} was told recovered at ${text(held)} of a log that is over`);
      return;
    }
    if (held.offset === 0) return;
    const entry = history.entry(held);
    if (entry === undefined || (entry.lostAt !== undefined && entry.lostAt < askedAt)) {
      accuse("G4", `${name} was told recovered at ${text(held)}, which the log has lost`);
    } else if (entry.t > t) {
      accuse("G4", `${name} was told recovered at ${text(held)} before it was stored`);
    }
  }

  /** A gap or reset must have its reason in what happened to the log. */
  #justify(
    { name, history, events }: Stream,
    from: Place,
    to: Place,
    reason: string,
    t: number,
    accuse: Accuse,
  ): void {
    const life = history.life(from.epoch);
    const says = `${name} was told ${reason} between ${text(from)} and ${text(to)}`;
    if (life === undefined) {
      accuse("G4", `${says}, and never was where it begins`);
      return;
    }
    switch (reason) {
      case "trimmed": {
        const first = from.offset + 1;
        if (from.epoch !== to.epoch) accuse("G4", `${says}, which is another log`);
        else if (!history.mayBeTrimmed(life, first, t)) accuse("G4", `${says}, and it is kept`);
        return;
      }
      case "epoch_changed":
        if (from.epoch === to.epoch) accuse("G4", `${says}, which is the same log`);
        else if (!history.mayHaveEnded(life, t)) accuse("G4", `${says}, and nothing ended it`);
        return;
      case "tag_mismatch": {
        // Who filters may be further than the last entry it was given.
        const lost = life.tailLosses.some(
          (loss) => (events !== undefined || loss.offset < from.offset) && loss.t <= t,
        );
        if (!lost) accuse("G4", `${says}, and no tail was lost`);
        return;
      }
      case "limit":
        if (to.offset - from.offset > 0 && mostStored(life) - from.offset > this.#maxReplay()) {
          return;
        }
        accuse("G4", `${says}, which is not that far`);
        return;
      case "store_unavailable":
        if (this.#storeFaults === 0 && t - this.#storeFaultAt > 30_000) {
          accuse("G4", `${says}, and the store was well`);
        }
        return;
      default:
        accuse("G4", says);
    }
  }

  /** The state of `latest` is the entry at its position. */
  #checkState({ name, history }: Stream, place: Place, state: string, accuse: Accuse): void {
    if (history.channel.projection !== "latest" || place.offset === 0) return;
    const entry = history.entry(place);
    if (entry !== undefined && entry.hash !== state) {
      accuse("G4", `${name} was given a state at ${text(place)} that is not the one there`);
    }
  }
}

/** The first offset that was stored so late that it may yet be on its way. */
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

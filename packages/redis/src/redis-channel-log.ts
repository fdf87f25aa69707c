import {
  type Appended,
  type ChannelLog,
  compactedLogFull,
  type IdClaim,
  isOwned,
  type LogPolicy,
  type LogSlice,
  type LogSnapshot,
  maxBytesOf,
  maxIdsOf,
  type NewEntry,
  notReplaceable,
  type OnTrimmed,
  type Random,
  rollUpName,
  shownPublisher,
} from "@milepost/engine";
import { type Projection, projectionNamed } from "@milepost/model";
import { endEvent, MilepostError, type Position, type Publication } from "@milepost/protocol";
import { type FoldedState, FoldedStates } from "./folded-states.ts";
import type { Keys } from "./keys.ts";
import { publisherPart, tracePart, unpackEntry } from "./packed-entry.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

const epochLength = 10;
const tagLength = 8;
/**
 * Number of entries after the stored state, including the latest, at which the node that appends stores a new
 * state.
 */
const checkpointAfter = 64;
/** Bytes of data after the stored state at which the node that appends stores a new state. */
const checkpointAfterBytes = 1_048_576;

/**
 * Logs of all channels in Redis. Each method is one script, and so one atomic step and one round trip.
 *
 * The nodes fold the states, since only they have the reducers. A script returns the stored state and the
 * entries after it, read atomically. From time to time, the node that appends stores the state it has folded.
 * Only entries that the stored state covers may be trimmed.
 */
export class RedisChannelLog implements ChannelLog {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #random: Random;
  readonly #onError: (error: unknown) => void;
  readonly #onTrimmed: OnTrimmed;
  readonly #states = new FoldedStates();
  /** Channels whose state is being stored. */
  readonly #storing = new Set<string>();

  constructor(
    link: RedisLink,
    keys: Keys,
    clock: RedisClock,
    random: Random,
    onError: (error: unknown) => void,
    onTrimmed: OnTrimmed = () => {},
  ) {
    this.#onTrimmed = onTrimmed;
    this.#link = link;
    this.#keys = keys;
    this.#clock = clock;
    this.#random = random;
    this.#onError = onError;
  }

  async append(channel: string, entry: NewEntry, policy: LogPolicy): Promise<Appended> {
    const { event, json, priority = "-", key, publisher, sig, claim, traceparent } = entry;
    const { rollUp } = policy;
    const keys: string[] = [...this.#keys.log(channel, policy)];
    const signed = sig === undefined ? "" : ` sig=${sig}`;
    const more = traceparent === undefined ? signed : `${signed}${tracePart(traceparent)}`;
    const shown = event === endEvent ? undefined : publisher;
    const args = [this.#clock.now(), event, priority, json, this.#link.publishCommand, more];
    if (key === undefined) args.push("");
    else {
      keys.push(this.#keys.dedupe(channel, policy, publisher, key));
      args.push(String(policy.dedupeMs));
    }
    args.push(replacedText(entry));
    args.push(claim === undefined ? "" : claimArgument(claim, publisher, policy));
    args.push(...this.#logArguments(channel, policy, shown, entry.tag));
    if (rollUp !== undefined) {
      const name = rollUpName(channel, rollUp.segments);
      keys.push(...this.#keys.log(name, rollUp.policy));
      args.push(...this.#logArguments(name, rollUp.policy, shown, entry.rollUpTag), channel);
    }
    const answer = await this.#link.run(scripts.append, keys, args);
    const [outcome, packed, unfolded, bytes, trimmed, trimmedByBytes] = answer as AppendAnswer;
    if (outcome === 2) {
      throw new MilepostError("ended", `${channel} has ended; publish to another channel`);
    }
    if (outcome === 3) {
      this.#store(channel, policy);
      throw new MilepostError(
        "store_full",
        `the state of ${channel} is behind its entries; retry later`,
        { retryAfterMs: 1_000 },
      );
    }
    if (outcome === 4) throw compactedLogFull(channel);
    if (outcome === 5) throw notReplaceable(channel);
    if (outcome === 6) throw isOwned(packed);
    if (outcome === 1) return { publication: unpackEntry(channel, packed), duplicate: true };
    if (trimmed > trimmedByBytes) {
      this.#onTrimmed(policy.compacted ? "compacted" : "entries", trimmed - trimmedByBytes);
    }
    if (trimmedByBytes > 0) this.#onTrimmed("bytes", trimmedByBytes);
    const isDue = unfolded >= checkpointAfter || bytes >= checkpointAfterBytes;
    if (policy.projection !== undefined && isDue) this.#store(channel, policy);
    return { publication: { ...unpackEntry(channel, packed), json }, duplicate: false };
  }

  async read(
    channel: string,
    afterOffset: number,
    limit: number,
    policy: LogPolicy,
  ): Promise<LogSlice> {
    const epoch = this.#random.id(epochLength);
    const slice = await this.#read(channel, epoch, afterOffset, limit, policy);
    if (slice === undefined)
      throw new Error("the read script returned no log; it must create a missing log");
    return slice;
  }

  async find(
    channel: string,
    publisher: string,
    key: string,
    policy: LogPolicy,
  ): Promise<Publication | undefined> {
    const dedupe = this.#keys.dedupe(channel, policy, publisher, key);
    const keys = [...this.#keys.log(channel, policy), dedupe];
    const args = [this.#clock.now(), ...keptArguments(policy)];
    const packed = await this.#link.run(scripts.find, keys, args);
    return typeof packed === "string" ? unpackEntry(channel, packed) : undefined;
  }

  async snapshot(channel: string, policy: LogPolicy): Promise<LogSnapshot> {
    const snapshot = await this.#snapshot(channel, this.#random.id(epochLength), policy);
    if (snapshot === undefined)
      throw new Error("the snapshot script returned no log; it must create a missing log");
    return snapshot;
  }

  peek(channel: string, policy: LogPolicy): Promise<LogSnapshot | undefined> {
    return this.#snapshot(channel, "", policy);
  }

  recall(channel: string, policy: LogPolicy): LogSnapshot | undefined {
    const { projection, position, state } = this.#states.get(channel) ?? {};
    if (projection === undefined || position === undefined) return undefined;
    if (projection.name !== policy.projection) return undefined;
    return { position, snapshot: { projection: projection.name, state: state ?? null } };
  }

  /** Reads a snapshot. An empty epoch does not begin a missing log; the result is then undefined. */
  async #snapshot(
    channel: string,
    newEpoch: string,
    policy: LogPolicy,
  ): Promise<LogSnapshot | undefined> {
    const first = await this.#page(channel, newEpoch, policy);
    if (first?.folded === undefined) return first?.at;
    // The log goes on meanwhile, so reading until there is no newer entry might never end.
    let { at, folded } = first;
    let target = at.position;
    while (folded.position.offset < target.offset) {
      const next = await this.#page(channel, "", policy, folded);
      if (next?.folded === undefined) return this.#snapshot(channel, newEpoch, policy);
      ({ at, folded } = next);
      const { epoch, offset } = at.position;
      if (epoch !== target.epoch || offset < target.offset) target = at.position;
    }
    this.#states.set(channel, folded);
    const { position, state, projection } = folded;
    const isEnded = at.end?.position.offset === position.offset;
    return {
      position,
      ...(isEnded && at.end !== undefined ? { end: at.end } : {}),
      snapshot: { projection: projection.name, state: state ?? null },
    };
  }

  /** Reads the head of a log; with a projection, also folds a page of the entries that are not folded yet. */
  async #page(
    channel: string,
    newEpoch: string,
    policy: LogPolicy,
    before?: FoldedState,
  ): Promise<{ readonly at: LogSnapshot; readonly folded?: FoldedState } | undefined> {
    const projection =
      policy.projection === undefined ? undefined : projectionNamed(policy.projection);
    const known = projection && (before ?? this.#states.get(channel));
    const own = known?.projection.name === projection?.name ? known : undefined;
    const answer = (await this.#link.run(scripts.snapshot, this.#keys.log(channel, policy), [
      this.#clock.now(),
      newEpoch,
      ...keptArguments(policy),
      own?.position.epoch ?? "",
      own === undefined ? "" : String(own.position.offset),
      own?.position.tag ?? "",
    ])) as SnapshotAnswer | null;
    if (answer === null) return undefined;
    const [epoch, offset, tag, , stored, packed, end] = answer;
    let position: Position = { epoch, offset: Number(offset), tag };
    const at = { position, ...endOf(channel, end) };
    if (projection === undefined) return { at };
    let state = stored === null ? own?.state : storedState(stored, projection);
    let size = stored === null ? (own?.size ?? 0) : stored.length;
    for (const text of packed) {
      const entry = unpackEntry(channel, text);
      state = fold(projection, state, entry);
      size += text.length;
      ({ position } = entry);
    }
    return { at, folded: { position, projection, state, size } };
  }

  async purge(channel: string, policy: LogPolicy): Promise<void> {
    this.#states.delete(channel);
    await this.#link.remove(this.#keys.log(channel, policy));
  }

  async close(): Promise<void> {}

  #logArguments(
    channel: string,
    policy: LogPolicy,
    publisher: string | undefined,
    tag: string = this.#random.id(tagLength),
  ): readonly string[] {
    return [
      this.#random.id(epochLength),
      ...keptArguments(policy),
      tag,
      this.#keys.bus(channel, policy),
      policy.showsPublisher === true && publisher !== undefined ? publisherPart(publisher) : "",
    ];
  }

  async #read(
    channel: string,
    epoch: string,
    afterOffset: number,
    limit: number,
    policy: LogPolicy,
  ): Promise<LogSlice | undefined> {
    const answer = (await this.#link.run(scripts.read, this.#keys.log(channel, policy), [
      this.#clock.now(),
      epoch,
      ...keptArguments(policy),
      String(Math.max(0, afterOffset)),
      String(limit),
    ])) as ReadAnswer | null;
    if (answer === null) return undefined;
    const [of, offset, tag, floor, floorTag, packed, end] = answer;
    return {
      entries: packed.map((text) => unpackEntry(channel, text)),
      head: { epoch: of, offset: Number(offset), tag },
      floor: { epoch: of, offset: Number(floor), tag: floorTag },
      ...endOf(channel, end),
    };
  }

  /**
   * Stores a channel's state in the background, at most once at a time per channel. After a failure, a later
   * append tries again.
   */
  #store(channel: string, policy: LogPolicy): void {
    if (this.#storing.has(channel)) return;
    this.#storing.add(channel);
    void this.#checkpoint(channel, policy)
      .catch(this.#onError)
      .finally(() => this.#storing.delete(channel));
  }

  async #checkpoint(channel: string, policy: LogPolicy): Promise<void> {
    const { position, snapshot } = await this.snapshot(channel, policy);
    if (snapshot === undefined) return;
    const stored = `${snapshot.projection}\n${JSON.stringify(snapshot.state)}`;
    this.#states.measure(channel, position, stored.length);
    await this.#link.run(scripts.checkpoint, this.#keys.log(channel, policy), [
      this.#clock.now(),
      position.epoch,
      String(position.offset),
      position.tag,
      stored,
    ]);
  }
}

/** Returns what an entry replaces, as `append.lua` expects it. */
function replacedText({ compaction }: NewEntry): string {
  if (compaction === undefined) return "";
  const { replaces } = compaction;
  return replaces === undefined ? "+" : `${replaces.epoch} ${replaces.offset} ${replaces.tag}`;
}

/** Returns the claim of an id as the script expects it. */
function claimArgument({ id = "", anyOwner }: IdClaim, publisher: string, policy: LogPolicy) {
  return `${anyOwner ? "any" : "own"} ${maxIdsOf(policy)} ${shownPublisher(publisher)} ${id}`;
}

/** Returns what a log keeps, as the four arguments that scripts expect. */
function keptArguments(policy: LogPolicy): readonly string[] {
  const compacted = policy.compacted ? "2" : "";
  return [
    String(policy.maxEntries),
    String(policy.maxAgeMs),
    String(maxBytesOf(policy)),
    policy.projection === undefined ? compacted : "1",
  ];
}

type AppendAnswer = [
  outcome: number,
  packed: string,
  unfolded: number,
  unfoldedBytes: number,
  trimmed: number,
  trimmedByBytes: number,
];

type ReadAnswer = [
  epoch: string,
  offset: string,
  tag: string,
  floor: string,
  floorTag: string,
  entries: string[],
  end: string | null,
];

type SnapshotAnswer = [
  epoch: string,
  offset: string,
  tag: string,
  from: string,
  stored: string | null,
  entries: string[],
  end: string | null,
];

function fold(projection: Projection<unknown>, state: unknown, entry: Publication): unknown {
  if (entry.event === endEvent) return state;
  const data = JSON.parse(entry.json) as unknown;
  const { event, ts, position, publisher } = entry;
  const by = publisher === undefined ? undefined : { publisher };
  return projection.reduce(state, { event, data, ts, offset: position.offset, ...by });
}

function endOf(channel: string, packed: string | null): { readonly end?: Publication } {
  return packed === null ? {} : { end: unpackEntry(channel, packed) };
}

/**
 * Returns the stored state, or the initial state when it was folded by another projection than the rule's
 * present one.
 */
function storedState(stored: string, projection: Projection<unknown>): unknown {
  const end = stored.indexOf("\n");
  if (end < 0 || stored.slice(0, end) !== projection.name) return projection.initial;
  return JSON.parse(stored.slice(end + 1)) ?? projection.initial;
}

import {
  type Appended,
  type ChannelLog,
  type LogPolicy,
  type LogSlice,
  type LogSnapshot,
  maxBytesOf,
  type NewEntry,
  type OnTrimmed,
  type Random,
} from "@milepost/engine";
import { type Projection, projectionNamed } from "@milepost/model";
import { endEvent, type Position, type Publication } from "@milepost/protocol";
import { AppendCalls } from "./append-calls.ts";
import type { GroupOutcome } from "./append-group.ts";
import { type FoldedState, FoldedStates } from "./folded-states.ts";
import type { Keys } from "./keys.ts";
import { unpackEntry } from "./packed-entry.ts";
import type { RedisClock } from "./redis-clock.ts";
import type { RedisLink } from "./redis-link.ts";
import { scripts } from "./script.ts";

const epochLength = 10;
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
  readonly #appends: AppendCalls;
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
    const onOutcome = this.#onOutcome;
    this.#appends = new AppendCalls({ link, keys, clock, random, onOutcome, onError });
  }

  append(channel: string, entry: NewEntry, policy: LogPolicy): Promise<Appended> {
    return this.#appends.append(channel, entry, policy);
  }

  readonly #onOutcome = (outcome: GroupOutcome): void => {
    const { channel, policy, trimmed, trimmedByBytes, unfolded, isBehind } = outcome;
    if (trimmed > trimmedByBytes) {
      this.#onTrimmed(policy.compacted ? "compacted" : "entries", trimmed - trimmedByBytes);
    }
    if (trimmedByBytes > 0) this.#onTrimmed("bytes", trimmedByBytes);
    if (policy.projection === undefined) return;
    const { entries = 0, bytes = 0 } = unfolded ?? {};
    const isDue = entries >= checkpointAfter || bytes >= checkpointAfterBytes;
    if (isDue || isBehind) this.#store(channel, policy);
  };

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
    this.#appends.flush();
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
    this.#appends.flush();
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
    this.#appends.flush();
    await this.#link.remove(this.#keys.log(channel, policy));
  }

  async close(): Promise<void> {
    this.#appends.flush();
  }

  async #read(
    channel: string,
    epoch: string,
    afterOffset: number,
    limit: number,
    policy: LogPolicy,
  ): Promise<LogSlice | undefined> {
    this.#appends.flush();
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

import {
  type ChannelLog,
  type LogPolicy,
  type LogSlice,
  type LogSnapshot,
  projectionEntry,
} from "@milepost/engine";
import { projectionNamed } from "@milepost/model";
import {
  endEvent,
  MilepostError,
  origin,
  type Position,
  type Publication,
} from "@milepost/protocol";
import type { LogReader } from "./shared-reads.ts";

/** Part of a channel that a node holds because it watches it: the newest entries without a hole, and the position after them. */
export interface HeldEntries {
  readonly last: Position;
  readonly entries: readonly Publication[];
}

/** Parts of the node that {@link StaleReads} uses. */
export interface StaleReadsParts {
  readonly reads: LogReader;
  readonly outage: { readonly isOn: boolean };
  readonly recall: ChannelLog["recall"];
  /** Returns what the node holds of a channel; undefined if it does not watch the channel. */
  readonly held: (channel: string) => HeldEntries | undefined;
}

/** Error of a read that the store cannot answer now, and the node's memory cannot either. */
export class NotHeld extends MilepostError {
  /** Oldest offset after which the node could answer; undefined if it holds nothing of the channel. */
  readonly after: number | undefined;

  constructor(after?: number) {
    super(
      "store_unavailable",
      "this node cannot reach its store at present and does not hold what was asked for; try again",
    );
    this.after = after;
  }
}

/**
 * Log reader of a node that answers from its memory while its store is away. Such answers are marked as `stale`.
 *
 * A node holds the newest entries of the channels that it watches, and the states that it has folded. What it does
 * not hold is refused with `store_unavailable`, as without this reader. A position that is older than what the node
 * holds is refused too: nobody knows whether it can be continued.
 */
export class StaleReads implements LogReader {
  readonly #parts: StaleReadsParts;
  /** Snapshots made from memory during this outage, by channel. */
  readonly #snapshots = new Map<string, LogSnapshot>();

  constructor(parts: StaleReadsParts) {
    this.#parts = parts;
  }

  read(channel: string, afterOffset: number, limit: number, policy: LogPolicy): Promise<LogSlice> {
    return this.#orHeld(
      channel,
      policy,
      () => this.#parts.reads.read(channel, afterOffset, limit, policy),
      (held) => sliceOf(held, afterOffset, limit),
    );
  }

  /** Resolves without a state when the node does not hold the state; see {@link requireState}. */
  snapshot(channel: string, policy: LogPolicy): Promise<LogSnapshot> {
    return this.#orHeld(
      channel,
      policy,
      () => this.#parts.reads.snapshot(channel, policy),
      (held) => this.#snapshotOf(channel, policy, held),
    );
  }

  peek(channel: string, policy: LogPolicy): Promise<LogSnapshot | undefined> {
    return this.#orHeld(
      channel,
      policy,
      () => this.#parts.reads.peek(channel, policy),
      (held) => requireState(this.#snapshotOf(channel, policy, held), policy),
    );
  }

  /** Forgets what was made during an outage, since the store is back. */
  forget(): void {
    this.#snapshots.clear();
  }

  #orHeld<T>(
    channel: string,
    { goesOnLocally }: LogPolicy,
    ask: () => Promise<T>,
    recall: (held: HeldEntries) => T,
  ): Promise<T> {
    const { outage, held } = this.#parts;
    // Until something is published locally, the channel stands where it left the log of the store.
    const before = goesOnLocally === true && outage.isOn ? held(channel) : undefined;
    if (before !== undefined) return Promise.resolve(before).then(recall);
    return ask().catch((error: unknown) => {
      const isAway = error instanceof MilepostError && error.code === "store_unavailable";
      const kept = isAway && outage.isOn ? held(channel) : undefined;
      if (kept === undefined) throw error;
      return recall(kept);
    });
  }

  #snapshotOf(channel: string, policy: LogPolicy, held: HeldEntries): LogSnapshot {
    const known = this.#snapshots.get(channel);
    if (known !== undefined && isSame(known.position, held.last)) return known;
    const state = policy.projection === undefined ? undefined : this.#fold(channel, policy, held);
    const snapshot: LogSnapshot = {
      position: held.last,
      stale: true,
      ...(state === undefined ? {} : { snapshot: state }),
      ...endOf(held),
    };
    if (state !== undefined) this.#snapshots.set(channel, snapshot);
    return snapshot;
  }

  /** Folds the state at the newest position that the node holds; returns undefined if it lacks entries for that. */
  #fold(channel: string, policy: LogPolicy, held: HeldEntries): LogSnapshot["snapshot"] {
    const projection = projectionNamed(policy.projection ?? "");
    if (projection === undefined) return undefined;
    const known = this.#parts.recall?.(channel, policy);
    let entries = known?.snapshot === undefined ? undefined : after(held, known.position);
    let state: unknown = known?.snapshot?.state ?? undefined;
    if (entries === undefined) {
      state = projection.initial;
      entries = after(held, origin(held.last.epoch));
    }
    if (entries === undefined) return undefined;
    for (const entry of entries) {
      if (entry.event !== endEvent) state = projection.reduce(state, projectionEntry(entry));
    }
    return { projection: projection.name, state: state ?? null };
  }
}

/** Throws `store_unavailable` if a snapshot from memory lacks the state that its channel has. */
export function requireState(snapshot: LogSnapshot, { projection }: LogPolicy): LogSnapshot {
  const lacksState = projection !== undefined && snapshot.snapshot === undefined;
  if (snapshot.stale === true && lacksState) throw new NotHeld();
  return snapshot;
}

/**
 * Throws `store_unavailable` for a slice from memory that contradicts a position: the node may have missed what the
 * position names, so only the store knows whether the position can be continued.
 */
export function requireKnown({ stale }: LogSlice): void {
  if (stale === true) throw new NotHeld();
}

/** Returns a slice like that of a log whose older entries cannot be read; throws if one of those is needed. */
function sliceOf(held: HeldEntries, afterOffset: number, limit: number): LogSlice {
  const { last, entries } = held;
  const floor = floorOf(held);
  // The entry at the floor is not held, but its position is.
  if (Math.max(0, afterOffset) + 1 < floor.offset) throw new NotHeld(floor.offset);
  const from = Math.max(0, afterOffset - floor.offset);
  return {
    entries: entries.slice(from, from + limit),
    head: last,
    floor,
    stale: true,
    ...endOf(held),
  };
}

/** Returns the position right before the oldest entry that is held. */
function floorOf({ last, entries }: HeldEntries): Position {
  const [first] = entries;
  if (first === undefined) return last;
  const { epoch, offset } = first.position;
  if (offset === 1) return origin(epoch);
  // Without the tag of the entry before it, the position of the first entry itself is the oldest known.
  return first.previousTag === undefined
    ? first.position
    : { epoch, offset: offset - 1, tag: first.previousTag };
}

/** Returns the held entries after a position; undefined if some are not held, or another entry is there. */
function after(held: HeldEntries, position: Position): readonly Publication[] | undefined {
  const { last, entries } = held;
  if (isSame(position, last)) return [];
  if (position.epoch !== last.epoch) return undefined;
  const index = position.offset - (entries[0]?.position.offset ?? Number.POSITIVE_INFINITY);
  const here = index < 0 ? floorOf(held) : entries[index]?.position;
  return here !== undefined && isSame(here, position) ? entries.slice(index + 1) : undefined;
}

function endOf({ entries }: HeldEntries): { readonly end?: Publication } {
  const last = entries.at(-1);
  return last?.event === endEvent ? { end: last } : {};
}

function isSame(a: Position, b: Position): boolean {
  return a.epoch === b.epoch && a.offset === b.offset && a.tag === b.tag;
}

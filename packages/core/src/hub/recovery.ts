import { isLocal, type LogSlice, type LogSnapshot } from "@milepost/engine";
import {
  type GapReason,
  origin,
  type Position,
  type Publication,
  type Since,
} from "@milepost/protocol";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import type { LogReader } from "../store/shared-reads.ts";
import { requireKnown, requireState } from "../store/stale-reads.ts";

/** Folded state of a channel, with its position. */
export type ChannelState = Required<Omit<LogSnapshot, "end" | "stale">>;

/**
 * Result of reading the log from a position up to its head, in one of three kinds. `end` is the entry that
 * ended the log, while it is known.
 */
export type Recovery =
  /** Continuation: all entries after the position, or the first page of them. */
  | {
      readonly kind: "contiguous";
      readonly entries: readonly Publication[];
      readonly head: Position;
      readonly end?: Publication;
      readonly stale?: true;
    }
  /** Reset: the position cannot be continued, and the channel's state replaces the missed entries. */
  | {
      readonly kind: "reset";
      readonly reason: GapReason;
      readonly state: ChannelState;
      readonly end?: Publication;
      readonly stale?: true;
    }
  /** Gap: the position cannot be continued, and the stream goes on after `to`. */
  | {
      readonly kind: "gap";
      readonly reason: GapReason;
      readonly to: Position;
      readonly entries: readonly Publication[];
      readonly head: Position;
      readonly end?: Publication;
      readonly stale?: true;
    };

/** Bounds on how much a recovery reads. */
export interface RecoveryBounds {
  /** Maximum number of entries per read. The next entries are read after these were delivered. */
  readonly page: number;
  /**
   * Maximum number of entries between the position and the head. Beyond it, the position cannot be continued,
   * for the reason `limit`.
   */
  readonly behind: number;
}

/**
 * Reads the entries after `position`, if the log still has the entry that `position` names and every entry
 * after it. Otherwise resolves to a reset or a gap.
 */
export async function recover(
  log: LogReader,
  { name, policy }: ResolvedChannel,
  position: Position,
  bounds: RecoveryBounds,
): Promise<Recovery> {
  // The read includes the entry at the position itself, so that its tag and the entries after it are of one
  // moment.
  const before = Math.max(0, position.offset - 1);
  const slice = await log.read(name, before, bounds.page + 1, policy);
  const reason = breakOf(position, slice, bounds.behind);
  if (reason === undefined) {
    const { entries, head } = slice;
    const own = entries[0]?.position.offset === position.offset;
    const rest = own ? entries.slice(1) : entries;
    return { kind: "contiguous", entries: rest, head, ...factsOf(slice) };
  }
  requireKnown(slice);
  if (policy.projection !== undefined) {
    const look = await log.snapshot(name, policy);
    const { position: at, snapshot } = look;
    // The log may have started a new epoch between the two reads.
    const why = at.epoch === position.epoch ? reason : "epoch_changed";
    if (snapshot !== undefined) {
      return { kind: "reset", reason: why, state: { position: at, snapshot }, ...factsOf(look) };
    }
  }
  const { head, floor } = slice;
  // A subscriber of a local log may already have received every entry that is kept, so it continues at the
  // head.
  const start = isLocal(position)
    ? head.offset
    : Math.max(floor.offset, head.offset - bounds.behind);
  return { kind: "gap", reason, ...(await readAfter(log, name, start, bounds.page, policy)) };
}

/**
 * Returns the reason why a stream cannot continue at a position, judged by a slice of the log; undefined when
 * it can.
 */
export function breakOf(
  position: Position,
  { entries, head, floor }: LogSlice,
  behind: number,
): GapReason | undefined {
  if (position.epoch !== head.epoch) return "epoch_changed";
  if (position.offset > head.offset) return "tag_mismatch";
  if (position.offset < floor.offset) return "trimmed";
  const here =
    position.offset === floor.offset
      ? floor
      : position.offset === head.offset
        ? head
        : entries[0]?.position;
  if (here?.offset !== position.offset || here.tag !== position.tag) return "tag_mismatch";
  return head.offset - position.offset > behind ? "limit" : undefined;
}

/** Start of a subscription. */
export interface Start {
  /** Position right after which the stream continues. */
  readonly position: Position;
  readonly recovered: boolean;
  readonly reason?: GapReason;
  readonly state?: ChannelState;
  /**
   * Position before the gap with which the subscription starts: entries after it, up to `position`, will not be
   * delivered. Absent without a gap.
   */
  readonly gapFrom?: Position;
  /** First page of the entries after `position`. */
  readonly entries: readonly Publication[];
  readonly head: Position;
  /** Entry that ended the channel's log; absent while none is known. */
  readonly end?: Publication;
  /** True if the node found the start in its memory, because its store is away. */
  readonly stale?: true;
}

/** Finds where a subscription starts, and reads the first page of its entries. */
export async function findStart(
  log: LogReader,
  channel: ResolvedChannel,
  since: Since | undefined,
  bounds: RecoveryBounds,
): Promise<Start> {
  const { name, policy } = channel;
  if (since === undefined || since === "now") {
    const look = await log.snapshot(name, policy);
    if (since === undefined) requireState(look, policy);
    const { position, snapshot } = look;
    const at = { position, recovered: false, entries: [], head: position, ...factsOf(look) };
    return snapshot === undefined || since === "now"
      ? at
      : { ...at, state: { position, snapshot } };
  }
  if (since === "start") {
    const slice = await log.read(name, 0, bounds.page, policy);
    const { entries, head, floor } = slice;
    // Only the store knows whether it still has the entries before those that are held.
    if (floor.offset > 0) requireKnown(slice);
    if (head.offset - floor.offset > bounds.behind) {
      const start = head.offset - bounds.behind;
      const { to, ...rest } = await readAfter(log, name, start, bounds.page, policy);
      return {
        ...rest,
        position: to,
        recovered: false,
        reason: "limit",
        gapFrom: origin(to.epoch),
      };
    }
    const start = { position: floor, recovered: false, entries, head, ...factsOf(slice) };
    return floor.offset === 0
      ? start
      : { ...start, reason: "trimmed", gapFrom: origin(floor.epoch) };
  }
  if ("last" in since) {
    const { position, end } = await log.snapshot(name, policy);
    const count = Math.min(since.last, bounds.behind) + (end === undefined ? 0 : 1);
    const start = Math.max(0, position.offset - count);
    const { to, ...rest } = await readAfter(log, name, start, bounds.page, policy);
    return { ...rest, position: to, recovered: false };
  }
  const recovery = await recover(log, channel, since, bounds);
  switch (recovery.kind) {
    case "contiguous": {
      const { entries, head } = recovery;
      return { position: since, recovered: true, entries, head, ...factsOf(recovery) };
    }
    case "reset": {
      const { reason, state } = recovery;
      const { position } = state;
      const at = { position, entries: [], head: position, ...factsOf(recovery) };
      return { ...at, recovered: false, reason, state };
    }
    case "gap": {
      const { reason, to, entries, head } = recovery;
      const at = { position: to, entries, head, ...factsOf(recovery) };
      return { ...at, recovered: false, reason, gapFrom: since };
    }
  }
}

/**
 * Reads the entries that are kept after an offset. `to` is the position at that offset or, where its entry is
 * no longer kept, the position right before the oldest entry that is.
 */
async function readAfter(
  log: LogReader,
  name: string,
  offset: number,
  page: number,
  policy: ResolvedChannel["policy"],
) {
  const before = Math.max(0, offset - 1);
  const slice = await log.read(name, before, page + 1, policy);
  const { entries, head, floor } = slice;
  const [first] = entries;
  const rest = { head, ...factsOf(slice) };
  return offset > floor.offset && first !== undefined && first.position.offset === offset
    ? { to: first.position, entries: entries.slice(1), ...rest }
    : { to: floor, entries, ...rest };
}

/** Facts of a read that go into its result: the entry that ended the log, and that the read is stale. */
type ReadFacts = Pick<LogSlice, "end" | "stale">;

/** Returns those facts of a read that it has. */
function factsOf({ end, stale }: ReadFacts): ReadFacts {
  return {
    ...(end === undefined ? {} : { end }),
    ...(stale === undefined ? {} : { stale }),
  };
}

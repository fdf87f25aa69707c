import { type ChannelLog, isLocal, type LogSlice, type LogSnapshot } from "@milepost/engine";
import {
  type GapReason,
  origin,
  type Position,
  type Publication,
  type Since,
} from "@milepost/protocol";
import type { ResolvedChannel } from "../rules/rule-book.ts";

/** A channel's folded state, where it has one. */
export type ChannelState = Required<Omit<LogSnapshot, "end">>;

/** What lies between a position and the log. `end`: the entry that ended it, as long as that is known. */
export type Recovery =
  /** Everything after the position is here, or the first part of it. */
  | {
      readonly kind: "contiguous";
      readonly entries: readonly Publication[];
      readonly head: Position;
      readonly end?: Publication;
    }
  /** It cannot be continued; the channel's state takes its place. */
  | {
      readonly kind: "reset";
      readonly reason: GapReason;
      readonly state: ChannelState;
      readonly end?: Publication;
    }
  /** It cannot be continued; the stream goes on after `to`. */
  | {
      readonly kind: "gap";
      readonly reason: GapReason;
      readonly to: Position;
      readonly entries: readonly Publication[];
      readonly head: Position;
      readonly end?: Publication;
    };

/** How much a recovery may read. */
export interface RecoveryBounds {
  /** Entries per read; what comes after them is read when they are delivered. */
  readonly page: number;
  /** Entries that may lie between the position and the head; beyond, the reason is `limit`. */
  readonly behind: number;
}

/**
 * Reads on from `position`, having checked that the entry there is still the one it names and that
 * everything after it is still kept.
 */
export async function recover(
  log: ChannelLog,
  { name, policy }: ResolvedChannel,
  position: Position,
  bounds: RecoveryBounds,
): Promise<Recovery> {
  // The entry at the position itself comes along, so that its tag and what follows are of one moment.
  const before = Math.max(0, position.offset - 1);
  const slice = await log.read(name, before, bounds.page + 1, policy);
  const reason = breakOf(position, slice, bounds.behind);
  if (reason === undefined) {
    const { entries, head } = slice;
    const own = entries[0]?.position.offset === position.offset;
    const rest = own ? entries.slice(1) : entries;
    return { kind: "contiguous", entries: rest, head, ...endOf(slice) };
  }
  if (policy.projection !== undefined) {
    const look = await log.snapshot(name, policy);
    const { position: at, snapshot } = look;
    // The log may have been made anew between the two looks at it.
    const why = at.epoch === position.epoch ? reason : "epoch_changed";
    if (snapshot !== undefined) {
      return { kind: "reset", reason: why, state: { position: at, snapshot }, ...endOf(look) };
    }
  }
  const { head, floor } = slice;
  // Whoever was served locally for a while may have had all that is kept: it goes on with what is new.
  const start = isLocal(position)
    ? head.offset
    : Math.max(floor.offset, head.offset - bounds.behind);
  return { kind: "gap", reason, ...(await readAfter(log, name, start, bounds.page, policy)) };
}

/** Why a position cannot be continued from what a log holds; undefined when it can. */
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

/** Where a subscription starts. */
export interface Start {
  /** The stream continues right after it. */
  readonly position: Position;
  readonly recovered: boolean;
  readonly reason?: GapReason;
  readonly state?: ChannelState;
  /** Entries after this position up to `position` will not come. */
  readonly gapFrom?: Position;
  /** The first of what follows. */
  readonly entries: readonly Publication[];
  readonly head: Position;
  /** The entry that ended the log. */
  readonly end?: Publication;
}

/** Finds where a subscription starts, and reads the first page. */
export async function findStart(
  log: ChannelLog,
  channel: ResolvedChannel,
  since: Since | undefined,
  bounds: RecoveryBounds,
): Promise<Start> {
  const { name, policy } = channel;
  if (since === undefined || since === "now") {
    const look = await log.snapshot(name, policy);
    const { position, snapshot } = look;
    const at = { position, recovered: false, entries: [], head: position, ...endOf(look) };
    return snapshot === undefined || since === "now"
      ? at
      : { ...at, state: { position, snapshot } };
  }
  if (since === "start") {
    const slice = await log.read(name, 0, bounds.page, policy);
    const { entries, head, floor } = slice;
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
    const start = { position: floor, recovered: false, entries, head, ...endOf(slice) };
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
      return { position: since, recovered: true, entries, head, ...endOf(recovery) };
    }
    case "reset": {
      const { reason, state } = recovery;
      const { position } = state;
      const at = { position, entries: [], head: position, ...endOf(recovery) };
      return { ...at, recovered: false, reason, state };
    }
    case "gap": {
      const { reason, to, entries, head } = recovery;
      const at = { position: to, entries, head, ...endOf(recovery) };
      return { ...at, recovered: false, reason, gapFrom: since };
    }
  }
}

/** What is kept after an offset, and the position there or, where it is gone, of the oldest still kept. */
async function readAfter(
  log: ChannelLog,
  name: string,
  offset: number,
  page: number,
  policy: ResolvedChannel["policy"],
) {
  const before = Math.max(0, offset - 1);
  const slice = await log.read(name, before, page + 1, policy);
  const { entries, head, floor } = slice;
  const [first] = entries;
  const rest = { head, ...endOf(slice) };
  return offset > floor.offset && first !== undefined && first.position.offset === offset
    ? { to: first.position, entries: entries.slice(1), ...rest }
    : { to: floor, entries, ...rest };
}

/** The end that was read, as a field. */
function endOf({ end }: { readonly end?: Publication }): { readonly end?: Publication } {
  return end === undefined ? {} : { end };
}

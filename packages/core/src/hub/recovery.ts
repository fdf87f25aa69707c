import {
  type GapReason,
  origin,
  type Position,
  type Publication,
  type Since,
} from "@milepost/protocol";
import type { ChannelLog, LogSlice, LogSnapshot } from "../ports/channel-log.ts";
import type { RuledChannel } from "../rule-book.ts";

/** What lies between a position and the log. */
export type Recovery =
  /** Everything after the position is here, or the first part of it. */
  | {
      readonly kind: "contiguous";
      readonly entries: readonly Publication[];
      readonly head: Position;
    }
  /** It cannot be continued; the channel's state takes its place. */
  | { readonly kind: "reset"; readonly reason: GapReason; readonly state: Required<LogSnapshot> }
  /** It cannot be continued; the stream goes on after `to`. */
  | {
      readonly kind: "gap";
      readonly reason: GapReason;
      readonly to: Position;
      readonly entries: readonly Publication[];
      readonly head: Position;
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
  { name, policy }: RuledChannel,
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
    return { kind: "contiguous", entries: own ? entries.slice(1) : entries, head };
  }
  if (policy.projection !== undefined) {
    const { position: at, snapshot } = await log.snapshot(name, policy);
    // The log may have been made anew between the two looks at it.
    const why = at.epoch === position.epoch ? reason : "epoch_changed";
    if (snapshot !== undefined) {
      return { kind: "reset", reason: why, state: { position: at, snapshot } };
    }
  }
  const { head, floor } = slice;
  const start = Math.max(floor.offset, head.offset - bounds.behind);
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
  readonly state?: Required<LogSnapshot>;
  /** Entries after this position up to `position` will not come. */
  readonly gapFrom?: Position;
  /** The first of what follows. */
  readonly entries: readonly Publication[];
  readonly head: Position;
}

/** Finds where a subscription starts, and reads the first page. */
export async function findStart(
  log: ChannelLog,
  channel: RuledChannel,
  since: Since | undefined,
  bounds: RecoveryBounds,
): Promise<Start> {
  const { name, policy } = channel;
  if (since === undefined || since === "now") {
    const { position, snapshot } = await log.snapshot(name, policy);
    const at = { position, recovered: false, entries: [], head: position };
    return snapshot === undefined || since === "now"
      ? at
      : { ...at, state: { position, snapshot } };
  }
  if (since === "start") {
    const { entries, head, floor } = await log.read(name, 0, bounds.page, policy);
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
    const start = { position: floor, recovered: false, entries, head };
    return floor.offset === 0
      ? start
      : { ...start, reason: "trimmed", gapFrom: origin(floor.epoch) };
  }
  if ("last" in since) {
    const { position } = await log.snapshot(name, policy);
    const start = Math.max(0, position.offset - Math.min(since.last, bounds.behind));
    const { to, ...rest } = await readAfter(log, name, start, bounds.page, policy);
    return { ...rest, position: to, recovered: false };
  }
  const recovery = await recover(log, channel, since, bounds);
  switch (recovery.kind) {
    case "contiguous": {
      const { entries, head } = recovery;
      return { position: since, recovered: true, entries, head };
    }
    case "reset": {
      const { reason, state } = recovery;
      const { position } = state;
      return { position, recovered: false, reason, state, entries: [], head: position };
    }
    case "gap": {
      const { reason, to, entries, head } = recovery;
      return { position: to, recovered: false, reason, gapFrom: since, entries, head };
    }
  }
}

/** What is kept after an offset, and the position there or, where it is gone, of the oldest still kept. */
async function readAfter(
  log: ChannelLog,
  name: string,
  offset: number,
  page: number,
  policy: RuledChannel["policy"],
) {
  const before = Math.max(0, offset - 1);
  const { entries, head, floor } = await log.read(name, before, page + 1, policy);
  const [first] = entries;
  return offset > floor.offset && first !== undefined && first.position.offset === offset
    ? { to: first.position, entries: entries.slice(1), head }
    : { to: floor, entries, head };
}

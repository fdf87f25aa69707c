import type { Position } from "@milepost/protocol";
import { compactedLogFull, notReplaceable } from "./compaction-errors.ts";
import { maxBytesOf } from "./log-bytes.ts";
import type { LogPolicy, NewEntry } from "./ports/channel-log.ts";

/** Log that only compactions trim, as far as an append must know it. */
export interface CompactedLog {
  readonly channel: string;
  readonly head: Position;
  readonly floor: Position;
  /** Bytes of data of all kept entries. */
  readonly bytes: number;
  /** Returns the tag of a kept entry. */
  tagAt(offset: number): string | undefined;
}

/**
 * Returns the offset up to which an append drops the log's entries, because a compaction replaces them; that of the floor to
 * drop none.
 *
 * Throws `store_full` where an entry of no compaction does not fit, and `not_possible_now` where the log does not have the
 * entries to replace.
 */
export function replacedOffset(
  { channel, head, floor, bytes, tagAt }: CompactedLog,
  { compaction }: NewEntry,
  policy: LogPolicy,
  size: number,
): number {
  if (compaction === undefined) {
    const isFull = head.offset - floor.offset >= policy.maxEntries;
    if (isFull || bytes + size > maxBytesOf(policy)) throw compactedLogFull(channel);
    return floor.offset;
  }
  const { replaces } = compaction;
  if (replaces === undefined) return floor.offset;
  const { epoch, offset, tag } = replaces;
  if (epoch !== head.epoch || offset > head.offset) throw notReplaceable(channel);
  if (offset <= floor.offset) return floor.offset;
  if (tagAt(offset) !== tag) throw notReplaceable(channel);
  return offset;
}

import type { LogSlice } from "@milepost/engine";
import type { Position } from "@milepost/protocol";
import { breakOf } from "../hub/recovery.ts";

/** Part of a shortened log that a durable subscriber knows. */
export interface Kept {
  /** Last known position that the log still has; undefined when it has none of them. */
  readonly kept: Position | undefined;
  /** Offset up to which the entries after it may be known as well, since their tags were not remembered. */
  readonly repeatsTo: number;
}

/**
 * Finds how much of a log a durable subscriber knows, after the log lost its newest entries.
 *
 * Entries are only appended to a log or lost from its end, and their tags are random. So the entries that the log
 * still has come before all that it has lost, and a binary search finds the last of them.
 *
 * @param known Positions that the subscriber knows, in offset order.
 * @param slice Part of the log, for its floor and head.
 * @param read Reads the entry at a position.
 */
export async function findKept(
  known: readonly Position[],
  { floor, head }: LogSlice,
  read: (position: Position) => Promise<LogSlice>,
): Promise<Kept> {
  const inLog = known.filter(({ offset }) => offset >= floor.offset && offset <= head.offset);
  let count = 0;
  let end = inLog.length;
  while (count < end) {
    const middle = (count + end) >> 1;
    const position = inLog[middle] as Position;
    const reason = breakOf(position, await read(position), Number.POSITIVE_INFINITY);
    // An entry that was trimmed meanwhile was in the log before.
    if (reason === undefined || reason === "trimmed") count = middle + 1;
    else end = middle;
  }
  const kept = inLog[count - 1];
  const from = kept?.offset ?? floor.offset - 1;
  const lost = known.find(({ offset }) => offset > from);
  return { kept, repeatsTo: Math.min((lost?.offset ?? head.offset + 1) - 1, head.offset) };
}

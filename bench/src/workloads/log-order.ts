import { parsePosition } from "@milepost/protocol";
import { DeliveryCount } from "../generator/delivery-count.ts";

/** Publication and its position in the channel's log. */
export interface LogEntry {
  readonly seq: number;
  readonly position: string;
}

/**
 * Returns the entries in the order of the log; throws when a position is malformed or the positions have
 * different epochs.
 */
export function inOrder(entries: readonly LogEntry[]): readonly LogEntry[] {
  const placed = entries.map((entry) => {
    const parsed = parsePosition(entry.position);
    if (!parsed.ok)
      throw new Error(`publication ${entry.seq} has the malformed position ${entry.position}`);
    return { entry, at: parsed.value };
  });
  if (new Set(placed.map(({ at }) => at.epoch)).size > 1)
    throw new Error("the log started a new epoch while it was measured");
  return placed.toSorted((a, b) => a.at.offset - b.at.offset).map(({ entry }) => entry);
}

/**
 * Returns how many publications a reader that receives this part of a log in order would count as skipped or
 * late.
 *
 * Publications on several nodes at the same time may overtake each other before they are in the log. Such
 * publications are counted here although the reader received them correctly.
 */
export function overtaken(log: readonly LogEntry[]): number {
  const count = new DeliveryCount();
  count.begin(0, Math.min(...log.map(({ seq }) => seq)) - 1);
  for (const { seq } of log) count.deliver(0, seq, 0);
  const { missing, repeated } = count.report();
  return missing + repeated;
}

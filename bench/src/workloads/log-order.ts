import { parsePosition } from "@milepost/protocol";
import { DeliveryCount } from "../generator/delivery-count.ts";

/** A publication and where it is in the channel's log. */
export interface LogEntry {
  readonly seq: number;
  readonly position: string;
}

/** Entries in the order of the log; throws where one has no position, or that of another log. */
export function inOrder(entries: readonly LogEntry[]): readonly LogEntry[] {
  const placed = entries.map((entry) => {
    const parsed = parsePosition(entry.position);
    if (!parsed.ok) throw new Error(`publication ${entry.seq} has the position ${entry.position}`);
    return { entry, at: parsed.value };
  });
  if (new Set(placed.map(({ at }) => at.epoch)).size > 1) throw new Error("the log was begun anew");
  return placed.toSorted((a, b) => a.at.offset - b.at.offset).map(({ entry }) => entry);
}

/**
 * How many deliveries each reader's count takes for skipped or late when it gets that part of a log as it is.
 *
 * Publications on several nodes at a time may overtake each other before they are in the log; a reader
 * that gets them in the log's order is right.
 */
export function overtaken(log: readonly LogEntry[]): number {
  const count = new DeliveryCount();
  count.begin(0, Math.min(...log.map(({ seq }) => seq)) - 1);
  for (const { seq } of log) count.deliver(0, seq, 0);
  const { missing, repeated } = count.report();
  return missing + repeated;
}

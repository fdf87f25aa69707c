import type { ChannelLog } from "@milepost/engine";
import { type GapReason, origin, type Position, type Since } from "@milepost/protocol";
import type { ResolvedChannel } from "../rules/rule-book.ts";

/** Start position of a new durable subscriber. */
export interface NewStart {
  readonly position: Position;
  /**
   * True if the client sent this position as `since`; false if it was derived from `now`, `start` or `last`.
   */
  readonly isAsked: boolean;
  readonly reason?: GapReason;
  /** Position before the gap. Entries after it, up to and including `position`, will not be delivered. */
  readonly gapFrom?: Position;
}

/** `since` of a durable subscribe request. */
export type DurableSince = Since;

/**
 * Finds the start position of a durable subscriber that does not exist yet. The default is the head of the log.
 */
export async function findDurableStart(
  log: ChannelLog,
  { name, policy }: ResolvedChannel,
  since: DurableSince = "now",
): Promise<NewStart> {
  if (since === "now") {
    const { position } = await log.snapshot(name, policy);
    return { position, isAsked: false };
  }
  if (since === "start") {
    const { floor } = await log.read(name, 0, 1, policy);
    const start = { position: floor, isAsked: false };
    return floor.offset === 0
      ? start
      : { ...start, reason: "trimmed", gapFrom: origin(floor.epoch) };
  }
  if (!("last" in since)) return { position: since, isAsked: true };
  const { position: head } = await log.snapshot(name, policy);
  const before = head.offset - since.last;
  const { entries, floor } = await log.read(name, Math.max(0, before - 1), 1, policy);
  const [entry] = entries;
  const position = entry?.position.offset === before ? entry.position : floor;
  return { position, isAsked: false };
}

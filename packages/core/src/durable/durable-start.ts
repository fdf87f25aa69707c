import type { ChannelLog } from "@milepost/engine";
import { type GapReason, origin, type Position, type Since } from "@milepost/protocol";
import type { ResolvedChannel } from "../rules/rule-book.ts";

/** Where a new durable subscriber begins. */
export interface NewStart {
  readonly position: Position;
  /** Whether the client named the position itself. */
  readonly isAsked: boolean;
  readonly reason?: GapReason;
  /** Entries after this position up to `position` will not come. */
  readonly gapFrom?: Position;
}

/** As a subscribe says it. */
export type DurableSince = Since;

/** Finds where a durable subscriber begins that does not exist yet: at the head unless `since` says otherwise. */
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

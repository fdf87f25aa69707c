import type { Holdings, SubscriberKey } from "@milepost/engine";
import { MilepostError } from "@milepost/protocol";
import { serviceOf, shareNameOf } from "../rules/principal.ts";
import { durableBounds } from "./durable-terms.ts";

/**
 * Counts a durable subscriber among those of its owner, over all channels and nodes, for as long as an unused one is kept.
 * Rejects with `too_many_subscriptions` when the owner has `maxNames` others. Services have no such limit.
 */
export async function requireNameRoom(
  holdings: Holdings,
  { channel, owner, name }: SubscriberKey,
  maxNames: number,
): Promise<void> {
  if (serviceOf(owner) !== undefined) return;
  const holding = {
    item: `${channel} ${name}:${owner}`,
    bytes: 0,
    maxBytes: 0,
    keepMs: durableBounds.keepMs,
  };
  const { refused } = await holdings.hold(`durable ${shareNameOf(owner)}`, [holding], maxNames);
  if (refused === 0) return;
  throw new MilepostError(
    "too_many_subscriptions",
    `this user has ${maxNames} durable subscribers; use one of their channels and names again`,
  );
}

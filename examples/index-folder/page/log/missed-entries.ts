import type { ChannelGap, ChannelItem } from "@milepost/client";
import type { OperationEvents } from "@milepost/model";
import { useChannel } from "@milepost/react";

type GapReason = ChannelGap["reason"];

const reasonWords = {
  trimmed: "the service no longer keeps what happened meanwhile",
  epoch_changed: "the service began its log anew",
  tag_mismatch: "the service lost the end of its log",
  limit: "more happened meanwhile than is sent again",
  store_unavailable: "the service could not read its log",
  missing: "the service skipped them",
} as const satisfies Record<GapReason, string>;

function lastReason(
  last: GapReason | undefined,
  item: ChannelItem<OperationEvents>,
): GapReason | undefined {
  return item.type === "gap" || item.type === "reset" ? item.reason : last;
}

/** Says that entries of a run were not received one by one, and why; undefined when none was missed. */
export function useMissedEntries(operationId: string): string | undefined {
  // Only the holes matter here; the state itself comes from elsewhere.
  const { state: reason } = useChannel<OperationEvents, GapReason | undefined>(
    `operation:${operationId}`,
    { since: "now", events: ["lost"], reduce: lastReason },
  );
  return reason && `Some steps were not watched: ${reasonWords[reason]}. The state shown is exact.`;
}

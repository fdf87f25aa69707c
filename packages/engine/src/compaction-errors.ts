import { MilepostError } from "@milepost/protocol";

/** Creates the error for an append to a compacted log that has no room for it. */
export function compactedLogFull(channel: string): MilepostError {
  return new MilepostError(
    "store_full",
    `${channel} is full until its next compaction; retry later, or raise the retention of its rule`,
    { retryAfterMs: 1_000 },
  );
}

/** Creates the error for an entry that replaces others up to a position that its log does not have. */
export function notReplaceable(channel: string): MilepostError {
  return new MilepostError(
    "not_possible_now",
    `${channel} has changed since the entries to replace were read`,
  );
}

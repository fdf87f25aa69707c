import type { Position } from "@milepost/protocol";

/** Prefix of the epochs that a node makes during an outage of its store. No epoch of a store begins with it. */
export const localEpochPrefix = "local-";

/** Returns true when a position belongs to a log that one node kept locally during an outage of its store. */
export function isLocal({ epoch }: Position): boolean {
  return epoch.startsWith(localEpochPrefix);
}

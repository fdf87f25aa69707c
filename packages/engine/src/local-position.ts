import type { Position } from "@milepost/protocol";

/** How the epochs begin that a node makes while it is without its store; no store's own epoch does. */
export const localEpochPrefix = "local-";

/** Whether a position is of a log that one node kept while it was without its store. */
export function isLocal({ epoch }: Position): boolean {
  return epoch.startsWith(localEpochPrefix);
}

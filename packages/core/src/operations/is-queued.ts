import type { OperationState } from "@milepost/model";

/** True while an operation waits in a queue of the gateway, which then looks after it in place of a producer. */
export function isQueued({ status, waiting }: OperationState): boolean {
  return status === "waiting" && waiting?.queue !== undefined;
}

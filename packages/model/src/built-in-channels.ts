import type { Notification } from "./notification.ts";
import type { OperationEvents } from "./operation-event.ts";
import type { OperationSummary } from "./operation-state.ts";

/** Channels that every deployment has. */
export interface BuiltInChannels {
  "operation:{operation}": OperationEvents;
  "session:{session}": { operation: OperationSummary; notification: Notification };
  "user:{user}": { operation: OperationSummary; notification: Notification };
}

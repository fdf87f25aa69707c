import type { NotificationData } from "./notification.ts";
import type { OperationEvents } from "./operation-event.ts";
import type { OperationSummary } from "./operation-state.ts";

/** Channels that every deployment has. */
export interface BuiltInChannels {
  "operation:{operation}": OperationEvents;
  "session:{session}": { operation: OperationSummary; notification: NotificationData };
  "user:{user}": { operation: OperationSummary; notification: NotificationData };
}

export * from "./accepts.ts";
export { activeMs } from "./active-time.ts";
export * from "./amount.ts";
export type * from "./built-in-channels.ts";
export type * from "./built-in-methods.ts";
export * from "./chat-event.ts";
export * from "./chat-projection.ts";
export { chatSchemas } from "./chat-schemas.ts";
export { repeatedCommand } from "./commands.ts";
export type * from "./contract-types.ts";
export { amountOf, isOverBudget, mayCount } from "./counters.ts";
export * from "./dashboard-event.ts";
export * from "./dashboard-projection.ts";
export type * from "./digest.ts";
export type * from "./estimate-api.ts";
export * from "./fold-operation.ts";
export * from "./fold-presence.ts";
export * from "./generation-progress.ts";
export type * from "./inbox.ts";
export * from "./inbox-projection.ts";
export { inputMayBecome, isPendingInput, refuses } from "./inputs.ts";
export * from "./keyed-projection.ts";
export * from "./latest-projection.ts";
export { mergeReports } from "./merge-reports.ts";
export * from "./notification.ts";
export { notificationSchema, readNotificationFields } from "./notification-schema.ts";
export * from "./operation-api.ts";
export * from "./operation-command.ts";
export * from "./operation-estimate.ts";
export * from "./operation-event.ts";
export * from "./operation-input.ts";
export * from "./operation-state.ts";
export * from "./operation-status.ts";
export * from "./operation-transitions.ts";
export type * from "./operation-tree.ts";
export type { SendTools } from "./ordered-sends.ts";
export { eventBounds, parseOperationEvent, readStepPlans } from "./parse-operation-event.ts";
export * from "./personal-projection.ts";
export * from "./progress-update.ts";
export * from "./projection.ts";
export * from "./projections.ts";
export * from "./question.ts";
export { readAccepts, readAudience, readQuestionOptions } from "./question-fields.ts";
export * from "./queue-api.ts";
export * from "./queue-position.ts";
export * from "./reduce-operation.ts";
export { slowSteps, stepWorkedMs, workedUntil } from "./step-time.ts";
export {
  type ErrorData,
  type GenerationProgressData,
  type PreviewStatusData,
  type QueuePositionData,
  type StudioEventName,
  type StudioEvents,
  type SyncProgressData,
  studioBounds,
  studioSchemas,
} from "./studio-event.ts";
export { createStudioSender, personalChannel, type StudioSender } from "./studio-sender.ts";
export * from "./summarise.ts";
export * from "./sync-progress.ts";
export * from "./text-projection.ts";
export * from "./to-progress-update.ts";

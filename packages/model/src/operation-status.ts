/** Statuses of an operation. `done`, `failed`, `cancelled` and `lost` are final: only a retry leaves them. */
export const operationStatuses = [
  "waiting",
  "running",
  "paused",
  "stalled",
  "done",
  "failed",
  "cancelled",
  "lost",
] as const;

/** Status of an operation. */
export type OperationStatus = (typeof operationStatuses)[number];

/** Statuses of an operation; `done`, `failed`, `cancelled` and `lost` are final until a retry. */
export type OperationStatus =
  | "waiting"
  | "running"
  | "paused"
  | "stalled"
  | "done"
  | "failed"
  | "cancelled"
  | "lost";

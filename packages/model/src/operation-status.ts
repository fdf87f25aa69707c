/** Statuses of an operation. `done`, `failed`, `cancelled` and `lost` are final: only a retry leaves them. */
export type OperationStatus =
  | "waiting"
  | "running"
  | "paused"
  | "stalled"
  | "done"
  | "failed"
  | "cancelled"
  | "lost";

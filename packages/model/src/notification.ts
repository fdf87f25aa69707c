import type { Level } from "./operation-event.ts";

/** Something to tell a person once: event `notification` on `user:{id}` or `session:{id}`. */
export interface Notification {
  readonly id: string;
  readonly level: Level;
  readonly title?: string;
  readonly message: string;
  /** How long to show it, in milliseconds; until dismissed when absent. */
  readonly ttl_ms?: number;
}

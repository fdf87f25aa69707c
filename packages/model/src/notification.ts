import type { Level } from "./operation-event.ts";

/** A message to show to a person once: event `notification` on `user:{id}` or `session:{id}`. */
export interface Notification {
  readonly id: string;
  readonly level: Level;
  readonly title?: string;
  readonly message: string;
  /**
   * Time to show the notification, in milliseconds. If absent, the notification stays until the person
   * dismisses it.
   */
  readonly ttl_ms?: number;
}

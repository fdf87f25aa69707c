import { isRecord } from "@milepost/protocol";
import type { Level } from "./operation-event.ts";

/** A message to show to a person once: event `notification` on `user:{id}` or `session:{id}`. */
export interface Notification {
  readonly id: string;
  readonly level: Level;
  readonly title?: string;
  readonly message: string;
  /** Time to show the notification, in milliseconds; by default {@link notificationTtlMs} of its level. */
  readonly ttl_ms?: number;
}

/** Data of a published `notification`: a {@link Notification} of which only the message is required. */
export interface NotificationData extends Omit<Notification, "id" | "level"> {
  /** Identifies the notification, so that it is shown once; by default its position in the channel. */
  readonly id?: string;
  /** Default: `info`. */
  readonly level?: Level;
  /** Another name of `level`, which counts when there is no `level`. */
  readonly type?: Level;
}

/**
 * Time for which a notification without `ttl_ms` is shown, in milliseconds, by level. A warning or an error stays
 * longer, because somebody may have to act on it.
 */
export const notificationTtlMs = {
  info: 10_000,
  success: 10_000,
  warning: 30_000,
  error: 60_000,
} as const satisfies Record<Level, number>;

const isLevel = (value: unknown): value is Level =>
  typeof value === "string" && Object.hasOwn(notificationTtlMs, value);

/**
 * Returns the notification that the data of an event describe, or undefined where they have no message. `id` is for
 * data without one.
 */
export function toNotification(data: unknown, id: string): Notification | undefined {
  if (!isRecord(data) || typeof data.message !== "string") return undefined;
  const level = [data.level, data.type].find(isLevel) ?? "info";
  const own = typeof data.id === "string" ? data.id : id;
  return { ...(data as unknown as Notification), id: own, level };
}

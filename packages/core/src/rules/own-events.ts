import { notificationSchema } from "@milepost/model";
import { type StandardSchema, unchecked } from "@milepost/protocol";

const shared = new Set(["user", "session"]);

/**
 * Events with a meaning of their own in the channels of a user and of a session, with their schemas: summaries of
 * operations, which the gateway publishes, and notifications.
 */
export const ownEvents: Readonly<Record<"operation" | "notification", StandardSchema>> = {
  operation: unchecked(),
  notification: notificationSchema,
};

/** True if a name is that of a user's or a session's channel. */
export function hasOwnEvents(channel: string): boolean {
  const segments = channel.split(":", 3);
  return segments.length === 2 && shared.has(segments[0] ?? "");
}

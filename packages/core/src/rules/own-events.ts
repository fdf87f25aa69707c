import { type StudioEventName, studioSchemas } from "@milepost/model";
import { type StandardSchema, unchecked } from "@milepost/protocol";

const personal = new Set(["user", "session", "guest"]);

/**
 * Events with a meaning of their own in the channels of a user, a session and a guest, with their schemas: summaries
 * of operations, which the gateway publishes, and what is shown to one person.
 */
export const ownEvents: Readonly<Record<"operation" | StudioEventName, StandardSchema>> = {
  operation: unchecked(),
  ...studioSchemas,
};

/** True if a name is that of a user's, a session's or a guest's channel. */
export function hasOwnEvents(channel: string): boolean {
  const segments = channel.split(":", 3);
  return segments.length === 2 && personal.has(segments[0] ?? "");
}

/** Returns the schema of an event with a meaning of its own in a channel; undefined for any other event. */
export function ownSchema(channel: string, event: string): StandardSchema | undefined {
  return Object.hasOwn(studioSchemas, event) && hasOwnEvents(channel)
    ? studioSchemas[event as StudioEventName]
    : undefined;
}

import { type Cursor, parseCursor } from "@milepost/protocol";

/** Returns the cursor in an `event_id`; throws if it has none. */
export function resumeOf(eventId: unknown): Cursor {
  const cursor = parseCursor(eventId);
  if (!cursor.ok) throw new Error(`no cursor: ${String(eventId)}`);
  return cursor.value;
}

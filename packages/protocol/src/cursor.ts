import { parseReadableName } from "./channel-name.ts";
import { type Parsed, parsed, refused } from "./failure.ts";
import { formatPosition, type Position, parsePosition } from "./position.ts";

/** Maximum number of channels in one cursor. */
export const maxCursorChannels = 100;

/**
 * The position of a subscriber in each channel that it reads. `event_id` and `Last-Event-ID` carry it as text.
 *
 * A cursor is complete: any node can resume the subscriptions from the cursor alone. The text has the form
 * `channel@position`, joined by commas. Neither `@` nor a comma occurs in a name or a position.
 */
export type Cursor = ReadonlyMap<string, Position>;

/** Formats a cursor as one opaque string. */
export function formatCursor(cursor: Iterable<readonly [string, Position]>): string {
  let text = "";
  for (const [channel, position] of cursor) {
    text += `${text === "" ? "" : ","}${channel}@${formatPosition(position)}`;
  }
  return text;
}

/** Parses the text that {@link formatCursor} made. Refuses anything else with `invalid_position`. */
export function parseCursor(text: unknown): Parsed<Cursor> {
  const bad = () =>
    refused("invalid_position", "last_event_id must be an event_id that the gateway sent");
  if (typeof text !== "string" || text === "") return bad();
  const parts = text.split(",", maxCursorChannels + 1);
  if (parts.length > maxCursorChannels) return bad();
  const cursor = new Map<string, Position>();
  for (const part of parts) {
    const at = part.indexOf("@");
    const channel = part.slice(0, Math.max(at, 0));
    const position = parsePosition(part.slice(at + 1));
    if (at < 0 || !parseReadableName(channel).ok || !position.ok || cursor.has(channel))
      return bad();
    cursor.set(channel, position.value);
  }
  return parsed(cursor);
}

import { parseReadableName } from "./channel-name.ts";
import { type Parsed, parsed, refused } from "./failure.ts";
import { formatPosition, type Position, parsePosition } from "./position.ts";

/** The most channels one cursor may carry. */
export const maxCursorChannels = 100;

/**
 * Where a reader is in every channel it reads: what `event_id` and `Last-Event-ID` carry.
 *
 * It is complete, so any node can resume from it alone. On the wire `channel@position`, joined by
 * commas; neither sign occurs in a name or a position.
 */
export type Cursor = ReadonlyMap<string, Position>;

/** The cursor as one opaque string. */
export function formatCursor(cursor: Iterable<readonly [string, Position]>): string {
  let text = "";
  for (const [channel, position] of cursor) {
    text += `${text === "" ? "" : ","}${channel}@${formatPosition(position)}`;
  }
  return text;
}

/** Reads what {@link formatCursor} wrote; anything else is `invalid_position`. */
export function parseCursor(text: unknown): Parsed<Cursor> {
  const bad = () =>
    refused("invalid_position", "last_event_id must be an event_id that the service gave out");
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

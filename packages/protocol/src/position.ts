import { type Parsed, parsed, refused } from "./failure.ts";

/**
 * A position in a channel's log.
 *
 * `epoch` identifies the log from its creation on: a log that is created again has a new epoch, and its offsets
 * restart. `offset` counts entries from 1; 0 is before the first entry. `tag` is random per entry. If the tag
 * at an offset differs from the one seen there before, that earlier entry was lost and its offset was given to
 * another entry.
 */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
  readonly tag: string;
}

/** Tag of offset 0, the position before the first entry. */
export const originTag = "0";

const grammar = /^([A-Za-z0-9_-]{1,24})\.(0|[1-9][0-9]{0,14})\.([A-Za-z0-9_-]{1,24})$/;

/** Formats a position as the opaque string that messages carry. */
export function formatPosition(position: Position): string {
  return `${position.epoch}.${position.offset}.${position.tag}`;
}

/** Parses the string that {@link formatPosition} made. Refuses anything else with `invalid_position`. */
export function parsePosition(text: unknown): Parsed<Position> {
  const position = readPosition(text);
  return position === undefined
    ? refused("invalid_position", "position must be one that the gateway sent")
    : parsed(position);
}

/** Parses the string that {@link formatPosition} made. Returns undefined for anything else. */
export function readPosition(text: unknown): Position | undefined {
  const match = typeof text === "string" && grammar.exec(text);
  if (!match) return undefined;
  const [, epoch = "", offset = "", tag = ""] = match;
  return { epoch, offset: Number(offset), tag };
}

/**
 * Position of a subscription to an operation that the client may not see, or that does not exist yet. No log
 * has this epoch. A client that sends it as `since` tells the server that it already knows of the wait.
 */
export const pendingPosition: Position = { epoch: "pending", offset: 0, tag: originTag };

/** Returns the position before the first entry of a log. */
export function origin(epoch: string): Position {
  return { epoch, offset: 0, tag: originTag };
}

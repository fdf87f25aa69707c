import { type Parsed, parsed, refused } from "./failure.ts";

/**
 * Where one is in a channel's log.
 *
 * `epoch` names one life of the log: it changes when the log is made anew and offsets start again.
 * `offset` counts entries from 1; 0 is before the first. `tag` is random per entry, so that an offset
 * that was lost and given out again is not taken for the entry a reader holds.
 */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
  readonly tag: string;
}

/** The tag of offset 0, where there is no entry. */
export const originTag = "0";

const grammar = /^([A-Za-z0-9_-]{1,24})\.(0|[1-9][0-9]{0,14})\.([A-Za-z0-9_-]{1,24})$/;

/** The one opaque string a position is on the wire. */
export function formatPosition(position: Position): string {
  return `${position.epoch}.${position.offset}.${position.tag}`;
}

/** Reads what {@link formatPosition} wrote; anything else is `invalid_position`. */
export function parsePosition(text: unknown): Parsed<Position> {
  const match = typeof text === "string" ? grammar.exec(text) : null;
  if (match === null) {
    return refused("invalid_position", "position must be one that the service gave out");
  }
  const [, epoch = "", offset = "", tag = ""] = match;
  return parsed({ epoch, offset: Number(offset), tag });
}

/** The place before the first entry of a log. */
export function origin(epoch: string): Position {
  return { epoch, offset: 0, tag: originTag };
}

import { type Cursor, type Parsed, parseCursor, parsed, refused } from "@milepost/protocol";

/** Options that say whether the client of a connect receives its personal channels, see `ConnectOptions`; empty if not. */
export interface PersonalChoice {
  readonly personal?: "bare" | "always";
}

/**
 * Reads the query parameter `personal`. Without it, a client that asks for nothing in the plain dialect is a bare one,
 * which receives its personal channels.
 */
export function readPersonal(
  personal: string | null | undefined,
  isBare: boolean,
): Parsed<PersonalChoice> {
  if (personal === "1") return parsed({ personal: "always" });
  if (personal === "0") return parsed({});
  if (personal !== null && personal !== undefined) {
    return refused("bad_message", "personal must be 0 or 1");
  }
  return parsed(isBare ? { personal: "bare" } : {});
}

const maxEventIdLength = 128;

/** Place where a client continues: a cursor, or the publisher's own id of the last event; empty without one. */
export interface ResumePlace {
  readonly resume?: Cursor;
  readonly resumeAfter?: string;
}

/**
 * Reads `last_event_id`. A text that is no cursor is the id that a publisher gave an event, where the client receives its
 * personal channels; elsewhere it is refused. Every cursor has an `@`, and such an id may not have one.
 */
export function readResume(
  text: string | null | undefined,
  { personal }: PersonalChoice,
): Parsed<ResumePlace> {
  if (text === null || text === undefined) return parsed({});
  const cursor = parseCursor(text);
  if (cursor.ok) return parsed({ resume: cursor.value });
  const isId = text !== "" && text.length <= maxEventIdLength && !text.includes("@");
  return isId && personal !== undefined ? parsed({ resumeAfter: text }) : cursor;
}

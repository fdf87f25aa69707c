import type { InboxQuery } from "@milepost/engine";
import { integerIn, MilepostError, oneOf, type Parsed, textOf } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { InboxListInput, SnoozeInput } from "./inbox-api.ts";

const maxIds = 100;
const maxIdLength = 200;
const readLimit = integerIn(1, 100);
const readPlace = integerIn(0, Number.MAX_SAFE_INTEGER);
const readFilter = oneOf(["unread", "open", "snoozed", "all"]);
const readDuration = integerIn(1, Number.MAX_SAFE_INTEGER);
const readTimeText = textOf(40);
const readId = textOf(maxIdLength);

function readUntil(value: unknown): Parsed<string | number> {
  return typeof value === "string" ? readTimeText(value) : readDuration(value);
}

/** Returns the query of a list; throws `bad_message` that names the field. */
export function readListInput(input: InboxListInput): InboxQuery {
  return orThrow(
    readInput(input, (fields) => {
      const before = fields.optional("before", readPlace);
      return {
        filter: fields.optional("filter", readFilter) ?? "shown",
        limit: fields.optional("limit", readLimit) ?? 50,
        ...(before !== undefined && { before }),
      };
    }),
  );
}

/** Returns ids of items that came from outside; throws `bad_message` if they are none or too many. */
export function requireItems(items: unknown): readonly string[] {
  if (!Array.isArray(items) || items.length === 0 || items.length > maxIds) {
    throw new MilepostError("bad_message", `items must be a list of 1 to ${maxIds} ids`);
  }
  for (const id of items) {
    const read = readId(id);
    if (!read.ok) throw new MilepostError("bad_message", `an item's id ${read.failure.message}`);
  }
  return [...new Set(items as readonly string[])];
}

/** Returns the time at which a snooze ends, in milliseconds since 1970. */
export function readSnooze(input: SnoozeInput, now: number, maxMs: number): number {
  const { until, forMs } = orThrow(
    readInput(input, (fields) => ({
      until: fields.optional("until", readUntil),
      forMs: fields.optional("for_ms", readDuration),
    })),
  );
  if ((until === undefined) === (forMs === undefined)) {
    throw new MilepostError("bad_message", "set either until or for_ms");
  }
  const at = typeof until === "string" ? Date.parse(until) : (until ?? now + (forMs ?? 0));
  if (!Number.isFinite(at)) {
    throw new MilepostError("bad_message", "until must be a time, such as 2026-01-01T08:00:00Z");
  }
  if (at > now + maxMs) {
    throw new MilepostError(
      "bad_message",
      `an item may be snoozed for at most ${maxMs} ms; choose an earlier time`,
    );
  }
  return Math.round(at);
}

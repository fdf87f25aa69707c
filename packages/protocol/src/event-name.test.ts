import { describe, expect, it } from "vitest";
import { maxEventNameLength, parseEventName, reservedEventNames } from "./event-name.ts";

describe("an event name", () => {
  it.each([
    "step",
    "chat_message_chunk",
    "task.done",
    "a:b",
    "~",
    "Reply",
    "x".repeat(maxEventNameLength),
  ])("[P-NAME-2] %j is taken as it is", (name) => {
    expect(parseEventName(name)).toEqual({ ok: true, value: name });
  });

  it.each([
    "",
    "x".repeat(maxEventNameLength + 1),
    "a b",
    "a\nb",
    "step\n",
    "a\0",
    '"',
    "\\",
    "a/b",
    "*",
    "событие",
    "a\u2028b",
    "\ud800",
  ])("[P-NAME-2] %j is refused with invalid_event", (name) => {
    expect(parseEventName(name)).toMatchObject({ ok: false, failure: { code: "invalid_event" } });
  });

  it.each(reservedEventNames)(
    "[P-NAME-2] the reserved %j is refused with invalid_event",
    (name) => {
      expect(parseEventName(name)).toMatchObject({ ok: false, failure: { code: "invalid_event" } });
    },
  );

  it.each([undefined, null, 1, {}, ["step"]])("[P-NAME-2] %j is no name", (value) => {
    expect(parseEventName(value)).toMatchObject({ ok: false, failure: { code: "invalid_event" } });
  });
});

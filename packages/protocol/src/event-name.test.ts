import { describe, expect, it } from "vitest";
import { maxEventNameLength, parseEventName, reservedEventNames } from "./event-name.ts";

describe("event names", () => {
  it.each([
    "step",
    "chat_message_chunk",
    "task.done",
    "a:b",
    "~",
    "Reply",
    "x".repeat(maxEventNameLength),
  ])("[P-NAME-2] parseEventName accepts %j unchanged", (name) => {
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
  ])("[P-NAME-2] parseEventName refuses %j as invalid_event", (name) => {
    expect(parseEventName(name)).toMatchObject({ ok: false, failure: { code: "invalid_event" } });
  });

  it.each(reservedEventNames)(
    "[P-NAME-2] parseEventName refuses the reserved name %j as invalid_event",
    (name) => {
      expect(parseEventName(name)).toMatchObject({ ok: false, failure: { code: "invalid_event" } });
    },
  );

  it.each([undefined, null, 1, {}, ["step"]])(
    "[P-NAME-2] parseEventName refuses %j, which is not a string, as invalid_event",
    (value) => {
      expect(parseEventName(value)).toMatchObject({
        ok: false,
        failure: { code: "invalid_event" },
      });
    },
  );
});

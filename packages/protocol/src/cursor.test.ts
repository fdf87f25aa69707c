import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatCursor, maxCursorChannels, parseCursor } from "./cursor.ts";
import type { Position } from "./position.ts";

const segment = fc.string({
  unit: fc.constantFrom(..."abzAZ09_.~-"),
  minLength: 1,
  maxLength: 6,
});
const channel = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(":"));
const id = fc.string({ unit: fc.constantFrom(..."abAB01_-"), minLength: 1, maxLength: 24 });
const position: fc.Arbitrary<Position> = fc.record({
  epoch: id,
  offset: fc.nat(),
  tag: id,
});
const entries = fc.uniqueArray(fc.tuple(channel, position), {
  minLength: 1,
  maxLength: maxCursorChannels,
  selector: ([name]) => name,
});

describe("cursors", () => {
  it("[P-POS-2] parseCursor restores the position of every channel from the text of formatCursor", () => {
    fc.assert(
      fc.property(entries, (pairs) => {
        const outcome = parseCursor(formatCursor(pairs));
        expect(outcome.ok && [...outcome.value]).toEqual(pairs);
      }),
    );
  });

  it("[P-POS-2] the text of a cursor needs no escaping in JSON or in a header value", () => {
    fc.assert(
      fc.property(entries, (pairs) => {
        const text = formatCursor(pairs);
        expect(JSON.stringify(text)).toBe(`"${text}"`);
        expect(text).toMatch(/^[\x21-\x7e]+$/);
      }),
    );
  });

  it.each([
    ["nothing", ""],
    ["no position", "a"],
    ["an empty channel", "@e.1.t"],
    ["an empty position", "a@"],
    ["a bad channel", "a*@e.1.t"],
    ["a bad position", "a@e.x.t"],
    ["a channel twice", "a@e.1.t,a@e.2.t"],
    ["an empty part", "a@e.1.t,"],
    ["two positions", "a@e.1.t@e.1.t"],
    ["a line break", "a@e.1.t\r\nSet-Cookie: x"],
    [
      "more channels than it may have",
      Array.from({ length: maxCursorChannels + 1 }, (_, i) => `c${i}@e.1.t`).join(","),
    ],
    ["a megabyte of commas", ",".repeat(1_000_000)],
  ])("[P-POS-2] parseCursor refuses a cursor with %s as invalid_position", (_, text) => {
    expect(parseCursor(text)).toMatchObject({ ok: false, failure: { code: "invalid_position" } });
  });

  it.each([undefined, null, 1, {}, []])(
    "[P-POS-2] parseCursor refuses the value %j as invalid_position",
    (value) => {
      expect(parseCursor(value)).toMatchObject({
        ok: false,
        failure: { code: "invalid_position" },
      });
    },
  );

  it("parseCursor handles a channel named __proto__ like any other", () => {
    const outcome = parseCursor("__proto__@e.1.t");
    expect(outcome.ok && outcome.value.get("__proto__")?.offset).toBe(1);
  });
});

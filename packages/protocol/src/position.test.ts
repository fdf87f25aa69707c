import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatPosition, origin, originTag, type Position, parsePosition } from "./position.ts";

const idUnits = [..."ABCXYZabcxyz0189_-"];
const id = fc.string({ unit: fc.constantFrom(...idUnits), minLength: 1, maxLength: 24 });

/** Any position that the service may give out. */
const anyPosition: fc.Arbitrary<Position> = fc.record({
  epoch: id,
  offset: fc.integer({ min: 0, max: 999_999_999_999_999 }),
  tag: id,
});

describe("a position", () => {
  it("[P-POS-1] comes back from its string as it was", () => {
    fc.assert(
      fc.property(anyPosition, (position) => {
        expect(parsePosition(formatPosition(position))).toEqual({ ok: true, value: position });
      }),
    );
  });

  it("[P-POS-1] has one string only", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const outcome = parsePosition(text);
        if (outcome.ok) expect(formatPosition(outcome.value)).toBe(text);
      }),
    );
  });

  it.each([
    "",
    ".",
    "..",
    "a.1",
    "a.1.",
    ".1.a",
    "a.1.b.c",
    "a.-1.b",
    "a.+1.b",
    "a.01.b",
    "a.1e3.b",
    "a.1.5.b",
    "a.NaN.b",
    "a.9999999999999999.b",
    "a.١.b",
    "a.1.b\n",
    " a.1.b",
    "a*.1.b",
    "start",
    "now",
    `${"a".repeat(25)}.1.b`,
    `a.1.${"b".repeat(25)}`,
    "a.1.b".repeat(2_000),
  ])("[P-POS-1] %j is refused with invalid_position", (text) => {
    expect(parsePosition(text)).toMatchObject({ ok: false, failure: { code: "invalid_position" } });
  });

  it.each([undefined, null, 1, {}, ["a.1.b"], { toString: () => "a.1.b" }])(
    "[P-POS-1] %j is refused with invalid_position",
    (value) => {
      expect(parsePosition(value)).toMatchObject({
        ok: false,
        failure: { code: "invalid_position" },
      });
    },
  );

  it("before the first entry has offset 0 and the tag of nothing", () => {
    expect(parsePosition(formatPosition(origin("e")))).toEqual({
      ok: true,
      value: { epoch: "e", offset: 0, tag: originTag },
    });
  });
});

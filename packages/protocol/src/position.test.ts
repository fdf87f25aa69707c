import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatPosition, origin, originTag, type Position, parsePosition } from "./position.ts";

const idUnits = [..."ABCXYZabcxyz0189_-"];
const id = fc.string({ unit: fc.constantFrom(...idUnits), minLength: 1, maxLength: 24 });

/** Any position that the gateway may issue. */
const anyPosition: fc.Arbitrary<Position> = fc.record({
  epoch: id,
  offset: fc.integer({ min: 0, max: 999_999_999_999_999 }),
  tag: id,
});

describe("positions", () => {
  it("[P-POS-1] parsePosition restores a position from the string of formatPosition", () => {
    fc.assert(
      fc.property(anyPosition, (position) => {
        expect(parsePosition(formatPosition(position))).toEqual({ ok: true, value: position });
      }),
    );
  });

  it("[P-POS-1] a position has exactly one string form", () => {
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
  ])("[P-POS-1] parsePosition refuses the string %j as invalid_position", (text) => {
    expect(parsePosition(text)).toMatchObject({ ok: false, failure: { code: "invalid_position" } });
  });

  it.each([undefined, null, 1, {}, ["a.1.b"], { toString: () => "a.1.b" }])(
    "[P-POS-1] parsePosition refuses the value %j, which is not a string, as invalid_position",
    (value) => {
      expect(parsePosition(value)).toMatchObject({
        ok: false,
        failure: { code: "invalid_position" },
      });
    },
  );

  it("the position before the first entry has offset 0 and the origin tag", () => {
    expect(parsePosition(formatPosition(origin("e")))).toEqual({
      ok: true,
      value: { epoch: "e", offset: 0, tag: originTag },
    });
  });
});

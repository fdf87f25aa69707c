import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { strictJson } from "./strict-json.ts";

describe("strictJson", () => {
  it.each([
    [{ data: { n: Number.NaN } }, "n is NaN"],
    [{ list: [1, -1 / 0] }, "1 is -Infinity"],
    [{ list: [undefined] }, "0 is undefined"],
    [{ list: [() => 1] }, "0 is () => 1"],
    [{ list: [Symbol("s")] }, "0 is Symbol(s)"],
    [{ at: new Date(Number.NaN) }, "at is Invalid Date"],
    [{ m: new Map() }, "m is [object Map]"],
    [{ m: new Set() }, "m is [object Set]"],
    [{ n: 1n }, "BigInt"],
  ])(
    "[P-DIA-9] strictJson refuses a value that JSON cannot carry and names it: %o",
    (value, named) => {
      expect(() => strictJson(value)).toThrow(
        expect.objectContaining({ code: "bad_message", message: expect.stringContaining(named) }),
      );
    },
  );

  it("strictJson writes what JSON.stringify writes for everything else", () => {
    const left = { a: undefined, f() {}, s: Symbol.iterator, at: new Date(0), null: null };
    expect(strictJson(left)).toBe('{"at":"1970-01-01T00:00:00.000Z","null":null}');
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(strictJson(value)).toBe(JSON.stringify(value));
      }),
    );
  });
});

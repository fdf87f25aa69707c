import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findUncarried } from "./json-uncarried.ts";

describe("findUncarried", () => {
  it.each([
    [Number.NaN, "data is NaN,"],
    [{ a: [1, Number.POSITIVE_INFINITY] }, "data.a[1] is Infinity,"],
    [[undefined], "data[0] is undefined,"],
    [new Array(2), "data[0] is undefined,"],
    [{ a: [() => {}] }, "data.a[0] is () => {},"],
    [[Symbol("s")], "data[0] is Symbol(s),"],
    [{ at: new Date(Number.NaN) }, "data.at is NaN,"],
    [{ a: new Map([[1, 2]]) }, "data.a is a Map or Set,"],
    [new Set(), "data is a Map or Set,"],
    [{ a: { toJSON: () => ({ b: -1 / 0 }) } }, "data.a.b is -Infinity,"],
  ])(
    "[P-DIA-9] findUncarried names the place of a value that JSON would turn into another: %o",
    (value, message) => {
      expect(findUncarried(value, "data")?.startsWith(message)).toBe(true);
    },
  );

  it("findUncarried accepts JSON values, dates, and fields that are left out", () => {
    const value = { at: new Date(0), no: undefined, f() {}, list: [null, { s: Symbol.iterator }] };
    expect(findUncarried(value, "data")).toBeUndefined();
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(findUncarried(json, "data")).toBeUndefined();
      }),
    );
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isRecord, maxJsonDepth, parseJson } from "./json.ts";

function nested(depth: number, open: string, close: string, inside = ""): string {
  return open.repeat(depth) + inside + close.repeat(depth);
}

describe("JSON from outside", () => {
  it("comes out as JSON.parse gives it, up to the depth", () => {
    const value = fc.jsonValue({ maxDepth: 6 });
    fc.assert(
      fc.property(value, (data) => {
        const text = JSON.stringify(data);
        expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });

  it.each([
    "",
    " ",
    "{",
    "}",
    "[1,]",
    "{'a':1}",
    "undefined",
    "NaN",
    '"a',
    '"\\',
    "\u0000",
    "{}{}",
  ])("[P-MSG-1] that is none (%j) is bad_json", (text) => {
    expect(parseJson(text)).toMatchObject({ ok: false, failure: { code: "bad_json" } });
  });

  it.each([
    ["arrays", "[", "]", ""],
    ["objects", '{"a":', "}", "1"],
    ["both", '[{"a":', "}]", "1"],
  ])("[P-DIA-4] may be nested 64 deep and no deeper: %s", (_, open, close, inside) => {
    const perUnit = open.startsWith("[{") ? 2 : 1;
    const deepest = nested(maxJsonDepth / perUnit, open, close, inside);
    expect(parseJson(deepest).ok).toBe(true);
    expect(parseJson(`[${deepest}]`)).toMatchObject({ ok: false, failure: { code: "too_deep" } });
  });

  it("[P-DIA-4] a megabyte of brackets is refused before anything is built", () => {
    const outcome = parseJson("[".repeat(1_000_000));
    expect(outcome).toMatchObject({ ok: false, failure: { code: "too_deep" } });
  });

  it("[P-DIA-4] brackets in strings count as text, behind escapes too", () => {
    for (const text of [
      JSON.stringify("[".repeat(100)),
      JSON.stringify(`"${"[".repeat(100)}`),
      JSON.stringify({ '{"': `\\"${"{".repeat(100)}` }),
      JSON.stringify(["\\", "[".repeat(100)]),
    ]) {
      expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
    }
  });

  it("[P-DIA-4] brackets after a string that ends in an escaped backslash count", () => {
    expect(parseJson(`["\\\\",${nested(maxJsonDepth, "[", "]")}]`)).toMatchObject({
      failure: { code: "too_deep" },
    });
  });

  it("a field named __proto__ is a field, and no prototype changes", () => {
    const outcome = parseJson(
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
    );
    expect(outcome.ok && Object.hasOwn(outcome.value as object, "__proto__")).toBe(true);
    expect(outcome.ok && Object.getPrototypeOf(outcome.value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("of a field given twice the last counts", () => {
    expect(parseJson('{"a":1,"a":2}')).toEqual({ ok: true, value: { a: 2 } });
  });

  it("[P-DIA-2] reads the same wherever its bytes are cut", () => {
    const value = { text: "aé€😀\u2028\u0000", __proto__x: ["ß", "𝄞", "日本"], n: -1.5e3 };
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    for (let cut = 0; cut <= bytes.length; cut++) {
      const decoder = new TextDecoder("utf-8", { fatal: true });
      const text =
        decoder.decode(bytes.subarray(0, cut), { stream: true }) +
        decoder.decode(bytes.subarray(cut), { stream: true }) +
        decoder.decode();
      expect(parseJson(text)).toEqual({ ok: true, value });
    }
  });

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(typeof parseJson(text).ok).toBe("boolean");
      }),
    );
  });
});

describe("a record", () => {
  it("is an object with fields", () => {
    expect([{}, Object.create(null), { a: 1 }].every(isRecord)).toBe(true);
    expect([null, undefined, [], "a", 1, () => 1].some(isRecord)).toBe(false);
  });
});

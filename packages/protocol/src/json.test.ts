import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isRecord, maxJsonDepth, parseJson } from "./json.ts";

function nested(depth: number, open: string, close: string, inside = ""): string {
  return open.repeat(depth) + inside + close.repeat(depth);
}

describe("parseJson", () => {
  it("parseJson returns the same value as JSON.parse within the allowed depth", () => {
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
  ])("[P-MSG-1] parseJson refuses invalid JSON (%j) as bad_json", (text) => {
    expect(parseJson(text)).toMatchObject({ ok: false, failure: { code: "bad_json" } });
  });

  it.each([
    ["arrays", "[", "]", ""],
    ["objects", '{"a":', "}", "1"],
    ["both", '[{"a":', "}]", "1"],
  ])(
    "[P-DIA-4] parseJson accepts nesting 64 deep and refuses deeper nesting: %s",
    (_, open, close, inside) => {
      const perUnit = open.startsWith("[{") ? 2 : 1;
      const deepest = nested(maxJsonDepth / perUnit, open, close, inside);
      expect(parseJson(deepest).ok).toBe(true);
      expect(parseJson(`[${deepest}]`)).toMatchObject({ ok: false, failure: { code: "too_deep" } });
    },
  );

  it("[P-DIA-4] parseJson refuses a text of one million brackets as too_deep", () => {
    const outcome = parseJson("[".repeat(1_000_000));
    expect(outcome).toMatchObject({ ok: false, failure: { code: "too_deep" } });
  });

  it("[P-DIA-4] parseJson ignores brackets in strings when it measures depth, also after escapes", () => {
    for (const text of [
      JSON.stringify("[".repeat(100)),
      JSON.stringify(`"${"[".repeat(100)}`),
      JSON.stringify({ '{"': `\\"${"{".repeat(100)}` }),
      JSON.stringify(["\\", "[".repeat(100)]),
    ]) {
      expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
    }
  });

  it("[P-DIA-4] parseJson counts brackets after a string that ends in an escaped backslash", () => {
    expect(parseJson(`["\\\\",${nested(maxJsonDepth, "[", "]")}]`)).toMatchObject({
      failure: { code: "too_deep" },
    });
  });

  it("parseJson keeps a field named __proto__ as a field and changes no prototype", () => {
    const outcome = parseJson(
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
    );
    expect(outcome.ok && Object.hasOwn(outcome.value as object, "__proto__")).toBe(true);
    expect(outcome.ok && Object.getPrototypeOf(outcome.value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("parseJson keeps the last value of a field that occurs twice", () => {
    expect(parseJson('{"a":1,"a":2}')).toEqual({ ok: true, value: { a: 2 } });
  });

  it("[P-DIA-2] parseJson returns the same value for a text that arrived in two parts, wherever its bytes were cut", () => {
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

  it("parseJson never throws for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(typeof parseJson(text).ok).toBe("boolean");
      }),
    );
  });
});

describe("isRecord", () => {
  it("isRecord accepts plain objects, also empty ones, and refuses null, arrays, functions and primitives", () => {
    expect([{}, Object.create(null), { a: 1 }].every(isRecord)).toBe(true);
    expect([null, undefined, [], "a", 1, () => 1].some(isRecord)).toBe(false);
  });
});

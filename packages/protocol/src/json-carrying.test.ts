import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson } from "./json.ts";
import { parseCarrying } from "./json-carrying.ts";
import { JsonText } from "./json-text.ts";

/** JSON values whose text `JSON.stringify` would not write again. */
const texts = [
  "12345678901234567890",
  "-0",
  "1e400",
  "1.0",
  "0.10",
  '{"10":1,"2":2}',
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
  '"\\u0041\\/"',
  '"a\\\\"',
  '"{[,:\\"data\\":"',
  "[]",
  "{}",
  "null",
];

const anyText = fc.oneof(
  fc.constantFrom(...texts),
  fc.json(),
  fc.array(fc.constantFrom(...texts)).map((items) => `[${items.join(",")}]`),
  fc.string().map((text) => JSON.stringify({ text, data: [text] })),
);

const anySpace = fc.constantFrom("", " ", "\n", "\t\r\n ");

describe("parseCarrying", () => {
  it("[P-DIA-4] parseCarrying returns the named fields as they are written, without the whitespace around them", () => {
    const anyKey = fc.constantFrom('"data"', '"d\\u0061ta"');
    fc.assert(
      fc.property(anyText, anyText, anyKey, anySpace, (data, other, key, space) => {
        const s = space;
        const text = `${s}{${s}"a"${s}:${s}${other}${s},${s}${key}${s}:${s}${data}${s},"z":0}${s}`;
        const value = { a: JSON.parse(other), data: new JsonText(data), z: 0 };
        expect(parseCarrying(text, ["data", "params"])).toEqual({ ok: true, value });
        const list = { ok: true, value: [value, 7, value] };
        expect(parseCarrying(`[${text},7,${text}]`, ["params", "data"])).toEqual(list);
      }),
    );
  });

  it("parseCarrying looks for names in the outer objects only, and takes the last of equal ones", () => {
    const text = '{"x":{"data":1},"data":2,"y":[{"data":3}],"data":4,"data_":5}';
    expect(parseCarrying(text, ["data"])).toEqual({
      ok: true,
      value: { x: { data: 1 }, data: new JsonText("4"), y: [{ data: 3 }], data_: 5 },
    });
    expect(parseCarrying('[["data",{"data":1}],{"data":[{"data":2}]}]', ["data"])).toEqual({
      ok: true,
      value: [["data", { data: 1 }], { data: new JsonText('[{"data":2}]') }],
    });
  });

  it("[P-DIA-4] parseCarrying removes whitespace between tokens, and none inside strings", () => {
    const text = '{"data": {"a b" : [ 1.0 ,\n\t" x \\" y " ] , "c":"\\\\" } }';
    expect(parseCarrying(text, ["data"])).toEqual({
      ok: true,
      value: { data: new JsonText('{"a b":[1.0," x \\" y "],"c":"\\\\"}') },
    });
  });

  it("parseCarrying refuses and accepts the same texts as parseJson, and never throws", () => {
    const parts = ['"data"', ":", ",", "{", "}", "[", "]", '"', "\\", "1", " ", "nul", "null"];
    const anyBroken = fc.array(fc.constantFrom(...parts)).map((some) => some.join(""));
    const deep = (n: number) => `${'{"data":'.repeat(n)}1${"}".repeat(n)}`;
    fc.assert(
      fc.property(fc.oneof(anyBroken, fc.json(), fc.constantFrom(deep(64), deep(65))), (text) => {
        const [carrying, plain] = [parseCarrying(text, ["data"]), parseJson(text)];
        expect(carrying.ok).toBe(plain.ok);
        if (!carrying.ok && !plain.ok) expect(carrying.failure.code).toBe(plain.failure.code);
      }),
    );
  });
});

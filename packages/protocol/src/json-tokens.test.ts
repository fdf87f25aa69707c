import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compactJson, indentJson } from "./json-tokens.ts";

describe("the tokens of a JSON text", () => {
  it("indentJson and compactJson write a value as JSON.stringify does", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, "\t"), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(indentJson(text)).toBe(JSON.stringify(value, null, 2));
        expect(compactJson(text)).toBe(JSON.stringify(value));
      }),
    );
  });

  it("indentJson and compactJson keep numbers, escapes and equal keys as they are written", () => {
    const text = '{"10": 1.0, "2": [-0,1e400], "a": "\\u0041 \\"", "a": {} }';
    expect(compactJson(text)).toBe('{"10":1.0,"2":[-0,1e400],"a":"\\u0041 \\"","a":{}}');
    expect(indentJson(text)).toBe(
      '{\n  "10": 1.0,\n  "2": [\n    -0,\n    1e400\n  ],\n  "a": "\\u0041 \\"",\n  "a": {}\n}',
    );
  });
});

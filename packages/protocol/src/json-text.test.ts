import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonText, readExactly, writeJson } from "./json-text.ts";

const odd = '{"10":12345678901234567890,"2":-0,"a":1.0,"a":1e400,"__proto__":"\\u00e9"}';

describe("JsonText", () => {
  it("[P-DIA-4] writeJson writes a JsonText as its own text, wherever it is", () => {
    const text = new JsonText(odd);
    expect(writeJson(text)).toBe(odd);
    expect(
      writeJson({ data: text, list: [text, undefined, 1], at: new Date(0), no: undefined }),
    ).toBe(`{"data":${odd},"list":[${odd},null,1],"at":"1970-01-01T00:00:00.000Z"}`);
  });

  it("writeJson writes what JSON.stringify writes for a value without a JsonText", () => {
    const within = { late: { toJSON: () => writeJson({ text: new JsonText("1.0") }) } };
    expect(writeJson(within)).toBe('{"late":"{\\"text\\":1.0}"}');
    fc.assert(
      fc.property(fc.anything(), (value) => {
        let json: string | undefined;
        try {
          json = JSON.stringify(value);
        } catch {
          expect(() => writeJson(value)).toThrow();
          return;
        }
        expect(writeJson(value)).toBe(json);
      }),
    );
  });

  it("JSON.stringify writes the value that JavaScript reads from a JsonText, also after a failed writeJson", () => {
    expect(() => writeJson({ big: 1n })).toThrow(TypeError);
    expect(JSON.stringify({ data: new JsonText("[1.0,12345678901234567890]") })).toBe(
      '{"data":[1,12345678901234567000]}',
    );
  });

  it("JsonText.parse refuses what parseJson refuses, and removes whitespace between tokens", () => {
    expect(JsonText.parse(' {"a b": [1.0, -0 ]}\n')).toEqual({
      ok: true,
      value: new JsonText('{"a b":[1.0,-0]}'),
    });
    expect(JsonText.parse("{")).toMatchObject({ ok: false, failure: { code: "bad_json" } });
    const deep = "[".repeat(65) + "]".repeat(65);
    expect(JsonText.parse(deep)).toMatchObject({ ok: false, failure: { code: "too_deep" } });
  });

  it("[P-DIA-8] readExactly returns the value of a text, or refuses one that JavaScript would change", () => {
    expect(readExactly(new JsonText('{"a":1.0}'), "params")).toEqual({ ok: true, value: { a: 1 } });
    expect(readExactly(undefined, "params")).toEqual({ ok: true, value: undefined });
    expect(readExactly(new JsonText(odd), "params")).toMatchObject({
      ok: false,
      failure: {
        code: "bad_message",
        message: expect.stringMatching(/^params\["10"\] is 12345678901234567890, /),
      },
    });
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NdjsonSplitter } from "./ndjson.ts";
import { anyJson } from "./testing/any-publication.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Returns the values and failures of an NDJSON stream that arrives in the given chunks. */
function split(chunks: readonly Uint8Array[], maxLineBytes = 1_000) {
  const splitter = new NdjsonSplitter(maxLineBytes);
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
}

const value = (of: unknown) => ({ ok: true, value: of });
const refusal = (code: string) =>
  expect.objectContaining({ failure: expect.objectContaining({ code }) });

describe("NdjsonSplitter", () => {
  it("NdjsonSplitter returns one value for each line, in order", () => {
    expect(split([bytesOf('{"a":1}\n[2]\n"3"\n')])).toEqual([
      value({ a: 1 }),
      value([2]),
      value("3"),
    ]);
  });

  it("NdjsonSplitter accepts CRLF, blank lines and a last line without a line feed", () => {
    expect(split([bytesOf("\r\n1\r\n\n  \n2")])).toEqual([value(1), value(2)]);
    expect(split([])).toEqual([]);
    expect(split([bytesOf("\n\n")])).toEqual([]);
  });

  it("NdjsonSplitter returns the same values for a stream cut at any one byte", () => {
    const lines = [{ text: "aé€😀\u2028" }, ["日本"], "𝄞", { __proto__x: -1.5 }];
    const bytes = bytesOf(`${lines.map((line) => JSON.stringify(line)).join("\r\n")}\n`);
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(split([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(lines.map(value));
    }
    expect(split([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(lines.map(value));
  });

  it("NdjsonSplitter returns the same values wherever and however often the stream is cut", () => {
    const cuts = fc.array(fc.nat(400), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(anyJson, { maxLength: 5 }), cuts, (values, places) => {
        const bytes = bytesOf(values.map((each) => `${JSON.stringify(each)}\n`).join(""));
        const edges = [0, ...places.filter((place) => place < bytes.length), bytes.length];
        edges.sort((a, b) => a - b);
        const chunks = edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge));
        expect(split(chunks, 1e6)).toEqual(
          values.map((each) => value(JSON.parse(JSON.stringify(each)))),
        );
      }),
    );
  });

  it("NdjsonSplitter returns a failure for a bad line and still reads the lines after it", () => {
    const bad = bytesOf(`1\n{\n2\n${"[".repeat(65)}\n3\n`);
    expect(split([bad])).toEqual([
      value(1),
      refusal("bad_json"),
      value(2),
      refusal("too_deep"),
      value(3),
    ]);
  });

  it("NdjsonSplitter refuses a line that is not UTF-8 as bad_json, also the last line", () => {
    const bytes = [0x22, 0xff, 0x22, 0x0a, 0x31, 0x0a, 0x22, 0xc3];
    expect(split([Uint8Array.from(bytes)])).toEqual([
      refusal("bad_json"),
      value(1),
      refusal("bad_json"),
    ]);
  });

  it("NdjsonSplitter refuses a line over the size limit as too_large and reads a line at the limit", () => {
    const exact = `"${"x".repeat(18)}"`;
    const over = `"${"x".repeat(19)}"`;
    const bytes = bytesOf(`${exact}\n${over}\n1\n${over}`);
    const expected = [value("x".repeat(18)), refusal("too_large"), value(1), refusal("too_large")];
    expect(split([bytes], 20)).toEqual(expected);
    expect(
      split(
        [...bytes].map((byte) => Uint8Array.of(byte)),
        20,
      ),
    ).toEqual(expected);
  });

  it("NdjsonSplitter is not affected when the caller reuses a chunk", () => {
    const splitter = new NdjsonSplitter(100);
    const chunk = bytesOf('"abc');
    splitter.push(chunk);
    chunk.fill(0);
    expect(splitter.push(bytesOf('d"\n'))).toEqual([value("abcd")]);
  });
});

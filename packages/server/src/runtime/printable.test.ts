import { describe, expect, it } from "vitest";
import { printable, printableJson, printableLines } from "./printable.ts";

const hidden = [
  "\u0000",
  "\u001b",
  "\t",
  "\r",
  "\u007f",
  "\u0085",
  "\u009b",
  "\u009f",
  "\u00ad",
  "\u061c",
  "\u200b",
  "\u200e",
  "\u200f",
  "\u2028",
  "\u2029",
  "\u202a",
  "\u202e",
  "\u2060",
  "\u2066",
  "\u2069",
  "\ufeff",
  "\ud800",
  "\udfff",
  "\u{e0041}",
  "\u3164",
];

describe("text from outside", () => {
  it.each(hidden.map((character) => [JSON.stringify(character), character]))(
    "a terminal never receives %s as it is, and JSON keeps its value",
    (_, character) => {
      expect(printable(`a${character}b`)).toBe("a\ufffdb");
      expect(printableLines(`a${character}\nb`)).toBe("a\ufffd\nb");
      // A whole string of JSON may hold the character raw, where JSON.stringify does not escape it.
      const json = JSON.stringify([character, "é"]);
      expect(printableJson(json)).toMatch(/^[\x20-\x7e]*é"\]$/);
      expect(JSON.parse(printableJson(json))).toEqual([character, "é"]);
    },
  );

  it("a terminal receives letters of all scripts, emoji and joiners unchanged", () => {
    const text = 'Ünïcödé, 日本語, עברית, می‌خواهم, 👩‍👩‍👧 "\\"';
    expect([printable(text), printableLines(text), printableJson(text)]).toEqual([
      text,
      text,
      text,
    ]);
    expect(printable("a\nb")).toBe("a\ufffdb");
    expect(printableJson('{\n  "a": 1\n}')).toBe('{\n  "a": 1\n}');
  });
});

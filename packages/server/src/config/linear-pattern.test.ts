import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { beginPatternWork, LinearPattern, maxPatternWork } from "./linear-pattern.ts";

const texts = [
  "",
  "a",
  "abc",
  "A1_",
  "é",
  "😀",
  "a b",
  "\u00a0",
  "\ufeff",
  "\n",
  "\r",
  "\u2028",
  "x\ny",
  "-",
  "[:alpha:]",
  "/",
  "\\",
  "\b",
  "\u0000",
  "αβγ",
  "2026-11-29",
];

describe("a pattern of a JSON Schema", () => {
  it.each([
    "^[a-z]+$",
    "^\\s+$",
    "\\S",
    "[\\s]",
    "[^\\s]",
    "[\\S]",
    "[^\\Sa]",
    ".",
    "^.$",
    "a.b|x.y",
    "[^]",
    "[]",
    "[^]{2}",
    "[[:a]",
    "\\u0041",
    "\\u{1F600}",
    "\\ud83d\\ude00",
    "[\\ud83d\\ude00]",
    "\\cJ",
    "\\cM",
    "[\\b]",
    "\\bA",
    "\\0",
    "\\/",
    "[\\-]",
    "\\\\",
    "\\p{Script=Greek}",
    "\\p{L}",
    "\\P{Lu}",
    "^\\d{4}-\\d{2}-\\d{2}$",
    "(?<year>\\d{4})",
    "^(?:[a-c]|\\w){1,3}$",
    "\\x41",
    "[\\w-]+",
    "^$",
  ])("[P-RULE-3] the pattern %s matches the texts that it matches in JavaScript", (source) => {
    const linear = new LinearPattern(source);
    const native = new RegExp(source, "u");
    for (const text of texts) {
      beginPatternWork();
      expect([text, linear.test(text)]).toEqual([text, native.test(text)]);
    }
  });

  test("[P-RULE-3] simple patterns match the same texts as in JavaScript, whatever the text is", () => {
    const atom = fc.constantFrom(
      "a",
      "b",
      ".",
      "\\s",
      "\\S",
      "\\w",
      "[a\\s]",
      "[^b]",
      "(a|b)",
      "\\d",
    );
    const piece = fc
      .tuple(atom, fc.constantFrom("", "*", "+", "?", "{2}", "*?"))
      .map((parts) => parts.join(""));
    const source = fc
      .tuple(fc.constantFrom("", "^"), fc.array(piece, { maxLength: 5 }), fc.constantFrom("", "$"))
      .map(([start, pieces, end]) => start + pieces.join("") + end);
    const text = fc.string({
      unit: fc.constantFrom("a", "b", "1", " ", "\n", "\r", "é", "😀", "\u2028", "\u00a0"),
      maxLength: 12,
    });
    fc.assert(
      fc.property(source, text, (pattern, value) => {
        beginPatternWork();
        expect(new LinearPattern(pattern).test(value)).toBe(new RegExp(pattern, "u").test(value));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ["(?=a)b", /look-around or a back-reference/],
    ["(?<!a)b", /look-around or a back-reference/],
    ["(a)\\1", /look-around or a back-reference/],
    ["(?<x>a)\\k<x>", /look-around or a back-reference/],
    ["(", /cannot be compiled/],
    ["(?i)a", /cannot be compiled/],
    ["a{2000}", /cannot be compiled: invalid repeat count/],
    ["(?:[a-c]{1000}){3}|[x-z]{999}[a-c]{999}", /too large|cannot be compiled/],
  ])("[P-RULE-3] the pattern %s is refused with the reason", (source, why) => {
    expect(() => new LinearPattern(source)).toThrow(why);
  });

  test("[P-RULE-3] a test of a pattern that would need too much work is not begun", () => {
    beginPatternWork();
    const pattern = new LinearPattern("(?:a|b)*a(?:a|b){40}c$");
    expect(() => pattern.test("ab".repeat(maxPatternWork))).toThrow();
    beginPatternWork();
    expect(pattern.test("ab")).toBe(false);
  });
});

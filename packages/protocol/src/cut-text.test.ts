import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutText, endOf, textPieces } from "./cut-text.ts";

// With the flag u a surrogate pair is one character, so the pattern matches only lone surrogates.
const loneSurrogate = /[\ud800-\udfff]/u;

describe("cutText, endOf and textPieces", () => {
  it("a text is cut to its length, and one character earlier where a surrogate pair would be split", () => {
    expect(cutText("abc", 3)).toBe("abc");
    expect(cutText("abcd", 3)).toBe("abc");
    expect(cutText("ab😀d", 3)).toBe("ab");
    expect(cutText("ab😀d", 4)).toBe("ab😀");
    expect(cutText("😀", 1)).toBe("");
    expect(cutText("ab", 0)).toBe("");
  });

  it("a text that fits is returned unchanged", () => {
    expect([cutText("ab😀", 4), endOf("ab😀", 4), cutText("", 0), endOf("", 0)]).toEqual([
      "ab😀",
      "ab😀",
      "",
      "",
    ]);
  });

  it("a surrogate pair at the cut is left out whole", () => {
    expect(["😀a", "a😀a"].map((text) => cutText(text, text.length - 1))).toEqual(["😀", "a😀"]);
    expect([0, 1, 2, 3].map((length) => cutText("a😀b", length))).toEqual(["", "a", "a", "a😀"]);
    expect([0, 1, 2, 3].map((length) => endOf("a😀b", length))).toEqual(["", "b", "b", "😀b"]);
  });

  it("the pieces of a text join to the text, and none splits a surrogate pair", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 2, max: 9 }), (text, length) => {
        const pieces = [...textPieces(text, length)];
        expect(pieces.join("")).toBe(text);
        for (const piece of pieces) {
          expect(piece).not.toMatch(loneSurrogate);
          expect(piece.length).toBeLessThanOrEqual(length);
        }
      }),
    );
  });

  it("a cut of well-formed text is well-formed, a part of the text, and at most one character shorter than it may be", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat(40), (text, length) => {
        const [start, end] = [cutText(text, length), endOf(text, length)];
        expect([text.startsWith(start), text.endsWith(end)]).toEqual([true, true]);
        for (const cut of [start, end]) {
          expect(cut).not.toMatch(loneSurrogate);
          expect(cut.length).toBeLessThanOrEqual(length);
          expect(cut.length).toBeGreaterThanOrEqual(Math.min(length, text.length) - 1);
        }
      }),
    );
  });
});

import { describe, expect, it } from "vitest";
import { appendBounded } from "./bounded-text.ts";
import { operationBounds } from "./operation-state.ts";
import { happened } from "./testing/any-operation-entry.ts";
import { fold, foldOn } from "./testing/fold.ts";

describe("text streams of an operation", () => {
  it("a text stream grows by appended pieces until it is done, and starts again with reset", () => {
    const state = fold(
      happened("text", { stream: "out", append: "Hel" }),
      happened("text", { stream: "out", append: "lo", done: true }),
      happened("text", { stream: "out", append: "!" }),
    );
    expect(state.texts.out).toEqual({ text: "Hello", done: true, offset: 3 });
    const again = foldOn(state, [happened("text", { stream: "out", append: "New", reset: true })]);
    expect(again.texts.out).toEqual({ text: "New", done: false, offset: 5 });
  });

  it("a text stream keeps its end when it grows past the bound, and is marked as truncated", () => {
    const piece = "0123456789abcdef".repeat(1_024);
    const pieces = Array.from({ length: 20 }, () =>
      happened("text", { stream: "out", append: piece }),
    );
    const state = fold(...pieces, happened("text", { stream: "out", append: "end" }));
    const text = state.texts.out?.text ?? "";
    expect(text.length).toBeLessThanOrEqual(operationBounds.textLength);
    expect(text.length).toBeGreaterThan(operationBounds.textLength / 2);
    expect(text.endsWith("cdefend")).toBe(true);
    expect(state.texts.out?.truncated).toBe(true);
  });

  it("an operation keeps 32 text streams and drops the one written longest ago, also if the names are numbers", () => {
    const names = Array.from({ length: operationBounds.texts }, (_, i) => String(100 - i));
    const state = fold(
      ...names.map((stream) => happened("text", { stream, append: "x" })),
      happened("text", { stream: names[0] ?? "", append: "y" }),
      happened("text", { stream: "1", append: "new" }),
    );
    expect(Object.keys(state.texts)).toHaveLength(operationBounds.texts);
    expect(state.texts[names[0] ?? ""]?.text).toBe("xy");
    expect(state.texts[names[1] ?? ""]).toBeUndefined();
    expect(state.texts["1"]?.text).toBe("new");
  });
});

// With the flag u a surrogate pair is one character, so the pattern matches only lone surrogates.
const loneSurrogate = /[\ud800-\udfff]/u;

describe("appendBounded", () => {
  it("a bounded text is never cut within a surrogate pair", () => {
    for (let length = 1; length < 40; length++) {
      const { text } = appendBounded("😀".repeat(15), "a".repeat(length), 32);
      expect(text.length).toBeLessThanOrEqual(32);
      expect(text).not.toMatch(loneSurrogate);
    }
  });

  it("a bounded text is cut rarely, because each cut makes room for many small pieces", () => {
    let text = "";
    let cuts = 0;
    for (let i = 0; i < 10_000; i++) {
      const next = appendBounded(text, "x", 800);
      text = next.text;
      if (next.cut) cuts++;
    }
    expect(cuts).toBeLessThan(100);
  });
});

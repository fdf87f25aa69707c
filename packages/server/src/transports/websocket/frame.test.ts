import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readFrames } from "../../testing/frame-reader.ts";
import { frameText, frameTexts } from "./frame.ts";

describe("WebSocket frames", () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])(
    "a frame carries a text of %i bytes",
    (length) => {
      const text = "x".repeat(length);
      expect(readFrames(frameText(text))).toEqual([text]);
    },
  );

  it("a frame's length counts bytes, not characters, at the limits of the header sizes", () => {
    for (const length of [62, 63, 32_767, 32_768]) {
      const text = "é".repeat(length);
      expect(readFrames(frameText(text))).toEqual([text]);
    }
  });

  it("frames in one buffer are read back in order, in whatever pieces the bytes arrive", () => {
    const texts = ["", "a", "é".repeat(100), "漢".repeat(30_000), "😀", "z".repeat(126)];
    const bytes = frameTexts(texts);
    for (const pieceBytes of [bytes.byteLength, 4_096, 7]) {
      expect(readFrames(bytes, pieceBytes)).toEqual(texts);
    }
  });

  it("frames carry any list of texts unchanged", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" })), (texts) => {
        expect(readFrames(frameTexts(texts))).toEqual(texts);
      }),
    );
  });
});

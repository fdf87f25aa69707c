import { describe, expect, test } from "vitest";
import { type ChunkSource, piecesOf } from "./pieces.ts";

async function all(source: ChunkSource): Promise<unknown[]> {
  const pieces: unknown[] = [];
  for await (const piece of piecesOf(source)) pieces.push(piece);
  return pieces;
}

/** Stream of these items, with whether it was cancelled. */
function streamOf(...items: unknown[]) {
  const stream = {
    cancelled: false,
    getReader: () => ({
      read: async () =>
        items.length === 0 ? { done: true } : { done: false, value: items.shift() },
      cancel: async () => {
        stream.cancelled = true;
      },
    }),
  };
  return stream;
}

describe("the pieces of an upload", () => {
  test("a text is cut into pieces of 32 Ki characters, and never within a character", async () => {
    const text = `${"x".repeat(32_767)}😀${"y".repeat(10)}`;
    const pieces = await all(text);
    expect(pieces.map((piece) => String(piece).length)).toEqual([32_767, 12]);
    expect(pieces.join("")).toBe(text);
    expect(await all("x".repeat(32_768))).toHaveLength(1);
    expect(await all("")).toEqual([]);
  });

  test("bytes are cut into pieces of 24 KiB, in base64", async () => {
    const bytes = Uint8Array.from({ length: 24_577 }, (_, i) => i % 256);
    const pieces = await all(bytes);
    expect(pieces).toHaveLength(2);
    expect(Buffer.concat(pieces.map((piece) => Buffer.from(String(piece), "base64")))).toEqual(
      Buffer.from(bytes),
    );
  });

  test("a stream is read to its end, and cancelled when its reader leaves before", async () => {
    const whole = streamOf({ n: 1 }, { n: 2 });
    expect(await all(whole)).toEqual([{ n: 1 }, { n: 2 }]);
    expect(whole.cancelled).toBe(false);
    const left = streamOf({ n: 1 }, { n: 2 });
    for await (const _ of piecesOf(left)) break;
    expect(left.cancelled).toBe(true);
  });
});

import { describe, expect, test } from "vitest";
import { chunkWindowBytes } from "./chunk.ts";
import { ChunkReader } from "./chunk-reader.ts";

/** Reader with the credit that it has granted so far. */
function reading(credit = 0) {
  const granted: number[] = [];
  const reader = new ChunkReader<string>((bytes) => granted.push(bytes), credit);
  return { reader, granted };
}

const part = { type: "chunk", stream: "s1" } as const;

/** Data whose chunk is counted with half of the window and a little more. */
const half = "x".repeat(chunkWindowBytes / 2);

describe("the reader of a stream of chunks", () => {
  test("[P-CHUNK-4] a chunk reader grants the whole window at its first read, and more only once half of the window is free", async () => {
    const { reader, granted } = reading();
    const first = reader.next();
    expect(granted).toEqual([chunkWindowBytes]);
    reader.take({ ...part, index: 0, data: "small" });
    expect(await first).toEqual({ done: false, value: "small" });
    expect(granted).toHaveLength(1);
    reader.take({ ...part, index: 1, data: half });
    expect(granted).toHaveLength(1);
    expect((await reader.next()).value).toBe(half);
    expect(granted).toHaveLength(2);
  });

  test("[P-CHUNK-4] a chunk reader keeps granting credit while its chunks are read", async () => {
    const { reader, granted } = reading();
    for (let index = 0; index < 20; index++) {
      const next = reader.next();
      expect(reader.take({ ...part, index, data: half })).toBeUndefined();
      expect((await next).value).toBe(half);
    }
    expect(granted.length).toBeGreaterThan(9);
  });

  test("[P-CHUNK-5] a chunk with another index, without credit or after the last one is refused", () => {
    const { reader } = reading(100);
    expect(reader.take({ ...part, index: 1, data: 1 })).toMatchObject({ code: "bad_message" });
    expect(reader.take({ ...part, index: 0, data: "x".repeat(100) })).toBeUndefined();
    expect(reader.take({ ...part, index: 0, data: 1 })).toMatchObject({ code: "bad_message" });
    expect(reader.take({ ...part, index: 2, data: 1 })?.message).toMatch(/index must be 1/);
    expect(reader.take({ ...part, index: 1, data: 1 })?.message).toMatch(
      /exceeds the granted credit/,
    );
    expect(reader.take({ ...part, index: 1, last: true })).toBeUndefined();
    expect(reader.take({ ...part, index: 2, data: 1 })?.message).toMatch(/after the last one/);
  });

  test("a stream that failed fails once, after the chunks that arrived, and is then over", async () => {
    const { reader } = reading(1_000);
    reader.take({ ...part, index: 0, data: 1 });
    reader.end({ error: new Error("broken") });
    expect(await reader.next()).toEqual({ done: false, value: 1 });
    await expect(reader.next()).rejects.toThrow("broken");
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  test("a stream that its reader cancels drops the chunks that nobody has read", async () => {
    const { reader } = reading(1_000);
    reader.take({ ...part, index: 0, data: 1 });
    reader.fail(new Error("given up"));
    await expect(reader.next()).rejects.toThrow("given up");
    expect(reader.take({ ...part, index: 1, data: 2 })).toBeUndefined();
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  test("a stream ends with its result once its chunks were read", async () => {
    const { reader } = reading(1_000);
    reader.take({ ...part, index: 0, data: 1, last: true });
    reader.end({ value: "result" });
    expect(await reader.next()).toEqual({ done: false, value: 1 });
    expect(await reader.next()).toEqual({ done: true, value: "result" });
  });
});

import { expect, test } from "vitest";
import { ChunkWriter } from "./chunk-writer.ts";

/** Writer of these items over a connection that lets it wait when `isFull` says so. */
function writing(credit: number | undefined, ...items: unknown[]) {
  const sent: unknown[] = [];
  const closed: string[] = [];
  const world = { isFull: false, drain: () => {}, onYield: (_: unknown) => {} };
  const source = (async function* () {
    try {
      for (const item of items) {
        world.onYield(item);
        yield item;
      }
      return "result";
    } finally {
      closed.push("closed");
    }
  })();
  const connection = {
    send: (message: object) => sent.push(message),
    sendQueue: {
      drained: () =>
        world.isFull ? new Promise<void>((resolve) => (world.drain = resolve)) : undefined,
    },
  };
  const writer = new ChunkWriter(7, source, connection, { maxBytes: 1_000, credit });
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  return { writer, sent, closed, world, settle };
}

const part = (index: number, data: unknown) => ({ type: "chunk", stream: 7, index, data });
const last = (index: number) => ({ type: "chunk", stream: 7, index, last: true });

test("[P-CHUNK-1] chunks are sent in order, then a last one, and the source's result is returned", async () => {
  const { writer, sent } = writing(undefined, "a", "b");
  let times = 0;
  expect(await writer.run(() => times++)).toBe("result");
  expect(sent).toEqual([part(0, "a"), part(1, "b"), last(2)]);
  expect(times).toBe(2);
});

test("[P-CHUNK-3] a chunk is sent only with credit left, and uses it up", async () => {
  const { writer, sent, settle } = writing(1, "a", "b");
  const done = writer.run(() => {});
  await settle();
  expect(sent).toEqual([part(0, "a")]);
  // The first chunk used 67 bytes, so that 66 more bring the credit to nothing.
  writer.grant(66);
  await settle();
  expect(sent).toHaveLength(1);
  writer.grant(1);
  await settle();
  expect(sent).toEqual([part(0, "a"), part(1, "b")]);
  writer.grant(1_000);
  expect(await done).toBe("result");
});

test("[P-CHUNK-6] a chunk that waits for a slow reader is not sent once its stream was cancelled, and its source is closed", async () => {
  const { writer, sent, closed, world, settle } = writing(undefined, "a", "b");
  world.onYield = (item) => {
    world.isFull = item === "b";
  };
  const done = writer.run(() => {});
  await settle();
  expect(sent).toEqual([part(0, "a")]);
  writer.end(() => {});
  world.isFull = false;
  world.drain();
  expect(await done).toBeUndefined();
  expect(sent).toEqual([part(0, "a")]);
  expect(closed).toEqual(["closed"]);
});

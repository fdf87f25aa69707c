import { expect, test } from "vitest";
import { type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const retention = { maxEntries: 10_000, maxAgeMs: 3_600_000 };
const open = { subscribe: "authenticated", publish: "granted", retention } as const;
const rules = [
  { pattern: "tokens:*", ...open, batchMs: 40 },
  { pattern: "log:*", ...open },
] as const;

async function reading(t: TestCore, ...channels: string[]): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user("ada"), channels });
  await t.clock.settle();
  socket.take();
  return socket;
}

async function publish(t: TestCore, channel: string, ...all: unknown[]) {
  for (const data of all) await t.publish(channel, "e", data);
  await t.clock.settle();
}

const data = (socket: TestSocket) => socket.take().map((message) => message.data);

test("[P-BATCH-1] publications of a channel with batchMs are sent together when the window ends, in one write", async () => {
  await using t = testCore({ rules });
  const socket = await reading(t, "tokens:a", "log:a");
  const { writes } = socket;
  for (let n = 0; n < 4; n++) {
    await publish(t, "tokens:a", n);
    await t.clock.advance(9);
  }
  expect(data(socket)).toEqual([]);
  // Other channels do not wait for the window of this one.
  await publish(t, "log:a", "at once");
  expect(data(socket)).toEqual(["at once"]);
  await t.clock.advance(4);
  expect(data(socket)).toEqual([0, 1, 2, 3]);
  expect(socket.writes - writes).toBe(2);
  await publish(t, "tokens:a", 4);
  await t.clock.advance(39);
  expect(data(socket)).toEqual([]);
  await t.clock.advance(1);
  expect(data(socket)).toEqual([4]);
});

test("[P-BATCH-1] a full batch is sent at once, whether full by number or by size", async () => {
  await using t = testCore({ rules });
  const socket = await reading(t, "tokens:a");
  await publish(t, "tokens:a", ...Array.from({ length: 1_000 }, (_, n) => n));
  expect(data(socket)).toHaveLength(1_000);
  await publish(t, "tokens:a", "x".repeat(100_000));
  expect(data(socket)).toEqual([]);
  await publish(t, "tokens:a", "y".repeat(100_000));
  expect(data(socket)).toHaveLength(2);
  await publish(t, "tokens:a", "z".repeat(200_000));
  expect(data(socket)).toHaveLength(1);
  await publish(t, "tokens:a", "small");
  await t.clock.advance(39);
  expect(data(socket)).toEqual([]);
  await t.clock.advance(1);
  expect(data(socket)).toEqual(["small"]);
});

test("[P-BATCH-2] a reader that joins within a batch window misses no entry and receives none twice", async () => {
  await using t = testCore({ rules });
  const first = await reading(t, "tokens:a");
  await publish(t, "tokens:a", 1, 2);
  const second = t.connect({ principal: t.user("bob") });
  second.send({ type: "subscribe", id: 1, channel: "tokens:a", since: "start" });
  await t.clock.settle();
  await publish(t, "tokens:a", 3);
  await t.clock.advance(100);
  const events = second.take().filter(({ type }) => type === "event");
  expect(events.map((message) => message.data)).toEqual([1, 2, 3]);
  expect(data(first)).toEqual([1, 2, 3]);
});

test("[P-BATCH-2] an open batch window leaves no timer when its node is closed", async () => {
  const t = testCore({ rules });
  await reading(t, "tokens:a");
  await publish(t, "tokens:a", 1);
  await t[Symbol.asyncDispose]();
  expect(t.clock.pendingTimers).toBe(0);
});

test.each([0, -1, 1.5, 1_001])("[P-BATCH-1] a rule with batchMs %d is refused", (batchMs) => {
  expect(() => testCore({ rules: [{ pattern: "a:*", ...open, batchMs }] })).toThrow(/batchMs/);
});

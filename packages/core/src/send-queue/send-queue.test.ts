import { ManualClock } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { TestSocket, testEncoder } from "../testing/index.ts";
import { highWaterBytes, SendQueue } from "./send-queue.ts";
import { Ticker } from "./ticker.ts";

class Setup {
  readonly clock = new ManualClock();
  readonly encoder = testEncoder("milepost.v1.json");
  readonly socket = new TestSocket(this.encoder);
  overflows = 0;
  readonly queue: SendQueue;

  constructor(maxBytes = 1_048_576) {
    const ticker = new Ticker(this.clock, (error) => {
      throw error;
    });
    this.queue = new SendQueue(this.socket, ticker, maxBytes, {
      onOverflow: () => {
        this.overflows++;
      },
    });
    this.socket.attach({
      onText() {},
      onBinary() {},
      onUnsupportedFrame() {},
      onAlive() {},
      onControl: () => true,
      onDrain: () => this.queue.flush(),
      onClose: () => this.queue.close(),
    });
  }

  push(n: number, size = 0): void {
    this.queue.push(this.encoder.encodeText(JSON.stringify({ n, text: "x".repeat(size) })));
  }

  seen(): unknown[] {
    return this.socket.received().map(({ n }) => n);
  }
}

test("bytes pushed in one tick are written once, in order", async () => {
  const s = new Setup();
  for (const n of [1, 2, 3]) s.push(n);
  expect(s.socket.writes).toBe(0);
  await s.clock.settle();
  expect(s.socket.writes).toBe(1);
  expect(s.seen()).toEqual([1, 2, 3]);
});

test("nothing is written above the high-water mark, and a drain writes the waiting bytes in one piece", async () => {
  const s = new Setup();
  s.socket.stall();
  s.push(1, highWaterBytes);
  await s.clock.settle();
  for (const n of [2, 3]) {
    s.push(n);
    await s.clock.settle();
  }
  expect(s.socket.writes).toBe(1);
  expect(s.queue.isCongested).toBe(true);
  s.socket.resume();
  await s.clock.settle();
  expect(s.socket.writes).toBe(2);
  expect(s.seen()).toEqual([1, 2, 3]);
});

test("[P-CLOSE-4] a send queue over its limit overflows once, drops the waiting bytes and accepts no more", async () => {
  const s = new Setup(1_000_000);
  s.socket.stall();
  let most = 0;
  for (let n = 1; n <= 20; n++) {
    s.push(n, 100_000);
    await s.clock.settle();
    most = Math.max(most, s.queue.waitingBytes);
  }
  expect(s.overflows).toBe(1);
  expect(s.queue.isClosed).toBe(true);
  // The waiting bytes are those queued here and those that the transport holds, together.
  expect(most).toBeLessThanOrEqual(1_000_000);
  expect(most).toBeGreaterThan(800_000);
});

test("[G7] bytes over the limit within one tick are written early if the peer reads, and overflow the send queue otherwise", async () => {
  const reads = new Setup(1_000_000);
  for (let n = 1; n <= 30; n++) reads.push(n, 100_000);
  await reads.clock.settle();
  expect(reads.seen()).toHaveLength(30);
  expect(reads.overflows).toBe(0);
  const stalls = new Setup(1_000_000);
  stalls.socket.stall();
  for (let n = 1; n <= 60; n++) stalls.push(n, 100_000);
  await stalls.clock.settle();
  expect(stalls.overflows).toBe(1);
  expect(stalls.queue.waitingBytes).toBeLessThan(2_500_000);
});

test("drained returns undefined while there is room, and resolves once enough was written or the queue is closed", async () => {
  const s = new Setup();
  expect(s.queue.drained()).toBeUndefined();
  s.socket.stall();
  s.push(1, highWaterBytes);
  await s.clock.settle();
  let got = 0;
  void s.queue.drained()?.then(() => got++);
  await s.clock.settle();
  expect(got).toBe(0);
  s.socket.resume();
  await s.clock.settle();
  expect(got).toBe(1);
  s.socket.stall();
  s.push(2, highWaterBytes);
  void s.queue.drained()?.then(() => got++);
  s.queue.close();
  await s.clock.settle();
  expect(got).toBe(2);
});

test("a wait for room ends when the send queue is closed while its transport is full", async () => {
  const s = new Setup();
  s.socket.stall();
  s.push(1, 2 * highWaterBytes);
  await s.clock.settle();
  let got = 0;
  void s.queue.drained()?.then(() => got++);
  s.queue.close();
  await s.clock.settle();
  expect(got).toBe(1);
  expect(s.queue.drained()).toBeUndefined();
});

test("[G7] entries held for a slow subscriber overflow the send queue within the tick in which they pass its limit", async () => {
  const s = new Setup(300_000);
  s.socket.stall();
  s.push(1, highWaterBytes);
  await s.clock.settle();
  s.push(2);
  await s.clock.settle();
  expect(s.queue.isHolding).toBe(true);
  const subscriber = { encode: () => new Uint8Array(), onMerged: () => {} };
  const rule = {
    pattern: "log:*",
    subscribe: "authenticated",
    publish: "granted",
    retention: { maxEntries: 10, maxAgeMs: 1_000 },
  } as const;
  const position = { epoch: "e", offset: 1, tag: "t" };
  const json = `"${"x".repeat(400_000)}"`;
  const publication = { channel: "log:a", position, event: "n", json, ts: 0 };
  s.queue.hold(subscriber, rule, [publication], { epoch: "e", offset: 0, tag: "0" });
  expect(s.queue.isClosed).toBe(true);
  await s.clock.settle();
  expect(s.overflows).toBe(1);
});

test("a deferred message that is withdrawn is not sent", async () => {
  const s = new Setup();
  s.socket.stall();
  s.push(1, highWaterBytes);
  await s.clock.settle();
  s.push(2);
  await s.clock.settle();
  const message = (n: number) => ({
    encodeLatest: () => s.encoder.encodeText(JSON.stringify({ n })),
  });
  const [withdrawn, kept] = [message(3), message(4)];
  s.queue.defer(withdrawn);
  s.queue.defer(kept);
  s.queue.cancelDeferred(withdrawn);
  await s.clock.settle();
  s.socket.resume();
  await s.clock.settle();
  expect(s.seen()).toEqual([1, 2, 4]);
});

test("large parts are written as they are, small neighbours are joined, and all stay in order", async () => {
  const s = new Setup();
  const written: Uint8Array[] = [];
  const { socket } = s;
  const write = socket.write.bind(socket);
  socket.write = (bytes) => {
    written.push(bytes);
    write(bytes);
  };
  const large = s.encoder.encodeText(JSON.stringify({ n: 3, text: "x".repeat(100_000) }));
  for (const n of [1, 2]) s.push(n);
  s.queue.push(large);
  for (const n of [4, 5]) s.push(n);
  s.push(6, 100_000);
  await s.clock.settle();
  expect(s.seen()).toEqual([1, 2, 3, 4, 5, 6]);
  expect(written).toHaveLength(4);
  // The same bytes, not a copy: every connection that receives them shares them.
  expect(written[1]).toBe(large);
});

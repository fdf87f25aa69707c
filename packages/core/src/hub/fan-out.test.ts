import type { Publication } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { Encoder } from "../index.ts";
import {
  TestSocket as Socket,
  type TestCore,
  type TestSocket,
  testCore,
} from "../testing/index.ts";

const retention = { maxEntries: 100_000, maxAgeMs: 3_600_000 };
const rules = [
  { pattern: "log:*", subscribe: "authenticated", publish: "authenticated", retention },
] as const;

/** Encoder that records the batches it encodes and the bytes it returns. */
class CountingEncoder implements Encoder {
  readonly dialect;
  readonly batches: (readonly Publication[])[] = [];
  readonly bytes = new Set<Uint8Array>();
  readonly #encoder: Encoder;

  constructor(encoder: Encoder) {
    this.#encoder = encoder;
    this.dialect = encoder.dialect;
  }

  encodeBatch(...[publications, cursorOf]: Parameters<Encoder["encodeBatch"]>): Uint8Array {
    this.batches.push(publications);
    const bytes = this.#encoder.encodeBatch(publications, cursorOf);
    this.bytes.add(bytes);
    return bytes;
  }

  encodeMessage(...[message]: Parameters<Encoder["encodeMessage"]>): Uint8Array {
    return this.#encoder.encodeMessage(message);
  }

  encodeText(text: string): Uint8Array {
    return this.#encoder.encodeText(text);
  }
}

/** A socket that records what is written to it. */
class WrittenSocket extends Socket {
  readonly written: Uint8Array[] = [];

  override write(bytes: Uint8Array): void {
    this.written.push(bytes);
    super.write(bytes);
  }
}

function attach(t: TestCore, encoder: Encoder, channels: readonly string[]): WrittenSocket {
  const socket = new WrittenSocket(encoder);
  socket.attach(t.core.connect(socket, { principal: t.reader(), channels }));
  return socket;
}

async function settled(t: TestCore, sockets: readonly (TestSocket & { written: unknown[] })[]) {
  await t.clock.settle();
  for (const socket of sockets) {
    socket.take();
    socket.writes = 0;
    socket.written.length = 0;
  }
}

describe.each(["json", "plain"] as const)("fan-out in the %s dialect", (dialect) => {
  test("a batch is encoded once, and every reader receives the same bytes in one write per tick", async () => {
    await using t = testCore({ rules });
    const encoder = new CountingEncoder(t[dialect]);
    const sockets = Array.from({ length: 200 }, () => attach(t, encoder, ["log:a"]));
    await settled(t, sockets);
    await Promise.all(Array.from({ length: 50 }, (_, n) => t.publish("log:a", "n", n)));
    await t.clock.settle();
    expect(encoder.batches.map((batch) => batch.length)).toEqual([50]);
    const [bytes] = encoder.bytes;
    for (const socket of sockets) {
      expect(socket.writes).toBe(1);
      expect(socket.written[0]).toBe(bytes);
      expect(
        socket
          .received()
          .slice(-50)
          .map(({ data }) => data),
      ).toEqual(Array.from({ length: 50 }, (_, n) => n));
    }
  });

  test("a reader of several channels receives the entries of all of them in one write", async () => {
    await using t = testCore({ rules });
    const encoder = new CountingEncoder(t[dialect]);
    const socket = attach(t, encoder, ["log:a", "log:b", "log:c"]);
    await settled(t, [socket]);
    for (const channel of ["log:a", "log:b", "log:c", "log:a"]) await t.publish(channel, "n", 1);
    await t.clock.settle();
    expect(socket.take()).toHaveLength(4);
    expect(socket.writes).toBe(1);
  });

  test("a reader that joins, leaves or filters by event in the middle of a tick gets its own entries, and others are not affected", async () => {
    await using t = testCore({ rules });
    const encoder = new CountingEncoder(t[dialect]);
    const steady = attach(t, encoder, ["log:a"]);
    const leaving = attach(t, encoder, ["log:a"]);
    const picky = attach(t, encoder, []);
    picky.send({ type: "subscribe", id: 1, channel: "log:a", events: ["wanted"] });
    await settled(t, [steady, leaving, picky]);
    await t.publish("log:a", "n", 1);
    const joining = attach(t, encoder, ["log:a"]);
    await Promise.resolve();
    await t.publish("log:a", "wanted", 2);
    leaving.drop();
    await t.clock.settle();
    await t.publish("log:a", "n", 3);
    await t.clock.settle();
    const data = (socket: TestSocket) =>
      socket.take().flatMap((message) => ("data" in message ? [message.data] : []));
    expect(data(steady)).toEqual([1, 2, 3]);
    expect(data(picky)).toEqual([2]);
    const joined = data(joining);
    expect([[3], [2, 3]]).toContainEqual(joined);
    expect(data(leaving)).toEqual([]);
  });

  test("a large batch is split into frames of at most 1,000 entries and 128 Ki characters", async () => {
    await using t = testCore({ rules });
    const encoder = new CountingEncoder(t[dialect]);
    const socket = attach(t, encoder, ["log:a"]);
    await settled(t, [socket]);
    await Promise.all(Array.from({ length: 2_500 }, (_, n) => t.publish("log:a", "n", n)));
    await Promise.all(
      Array.from({ length: 4 }, () => t.publish("log:a", "n", "x".repeat(100_000))),
    );
    await t.clock.settle();
    expect(socket.take()).toHaveLength(2_504);
    expect(encoder.batches.map((batch) => batch.length)).toEqual([1_000, 1_000, 501, 1, 1, 1]);
  });
});

describe("the cost of many connections", () => {
  test("[TRAP-14] [G7] the number of timers does not grow with the connections: all share one timer wheel and one sweep", async () => {
    await using t = testCore({ rules });
    const before = attach(t, t.json, ["log:a"]);
    await settled(t, [before]);
    await t.publish("log:a", "n", 1);
    await t.clock.settle();
    const timers = t.clock.pendingTimers;
    const sockets = Array.from({ length: 500 }, (_, n) => attach(t, t.json, ["log:a", `log:${n}`]));
    await settled(t, sockets);
    expect(t.clock.pendingTimers).toBe(timers);
    for (const socket of sockets) socket.drop();
    await t.clock.settle();
    expect(t.core.stats()).toMatchObject({ connections: 1, subscriptions: 1 });
  });

  test("[G7] a connection that never reads costs a bounded amount of memory and does not delay the others", async () => {
    await using t = testCore({ rules });
    const reads = attach(t, t.json, ["log:a"]);
    const stalls = attach(t, t.json, ["log:a"]);
    await settled(t, [reads, stalls]);
    stalls.stall();
    const text = "x".repeat(10_000);
    let most = 0;
    for (let n = 0; n < 500; n++) {
      await t.publish("log:a", "n", text);
      await t.clock.settle();
      most = Math.max(most, stalls.bufferedBytes);
    }
    expect(reads.take()).toHaveLength(500);
    expect(most).toBeLessThan(300 * 1_024);
    expect(stalls.closed).toEqual({ code: 4002, reason: "slow consumer" });
    await t.clock.advance(6_000);
    expect(stalls.terminated).toBe(true);
    expect(t.core.stats()).toMatchObject({ connections: 1, subscriptions: 1 });
  });
});

import { FaultyEngine } from "@milepost/engine/testing";
import type { CreatedOperation } from "@milepost/model";
import { describe, expect, test } from "vitest";
import { type TestCore, type TestSocket, testCore } from "../testing/index.ts";

function create(t: TestCore, session: string, more: object = {}): Promise<CreatedOperation> {
  return t.core.operations.create(t.service, {
    kind: "analysis",
    session_id: session,
    lease_ms: 3_600_000,
    ...more,
  });
}

async function report(
  t: TestCore,
  { operation, lease }: CreatedOperation,
  event: string,
  data: unknown = {},
) {
  await t.core.operations.report(t.service, operation.id, {
    lease: lease.token,
    events: [{ event, data }],
  });
}

async function feed(t: TestCore, session: string): Promise<TestSocket> {
  const socket = t.connectFeed(session, t.user("ada", { session }));
  await t.clock.settle();
  return socket;
}

test("[P-FEED-6] [P-CLOSE-2] a feed is told that its node shuts down, after its documents, and is then closed with 4000", async () => {
  await using t = testCore();
  await create(t, "s");
  const socket = await feed(t, "s");
  expect(socket.take()).toMatchObject([{ type: "progress_update" }]);
  const shutdown = t.core.shutdown(2_000);
  await t.clock.settle();
  expect(socket.take()).toEqual([
    { type: "notice", code: "server_shutting_down", reconnect: { min_ms: 100, max_ms: 2_000 } },
  ]);
  await t.clock.until(shutdown);
  expect(socket.closed?.code).toBe(4000);
});

describe("access to a session feed", () => {
  test("[P-FEED-1] a feed with no credential, or one of another session, is closed with 1008 before any document", async () => {
    await using t = testCore();
    await create(t, "s");
    const grants = { subscribe: ["*"], publish: ["*"] };
    for (const principal of [
      undefined,
      t.user("ada"),
      t.user("ada", { session: "other", grants }),
    ]) {
      const socket = t.connectFeed("s", principal);
      await t.clock.settle();
      expect(socket.closed).toEqual({ code: 1008, reason: "Invalid session" });
      expect(socket.received()).toEqual([]);
    }
    expect(t.core.stats()).toMatchObject({ connections: 0, channels: 0 });
  });

  test("[P-FEED-4] a feed never shows documents of other sessions, whatever is published to its session's channel", async () => {
    await using t = testCore();
    const theirs = await create(t, "other");
    const socket = await feed(t, "s");
    await t.publish("session:s", "operation", { operation_id: theirs.operation.id, created_at: 1 });
    await t.publish("session:s", "operation", { operation_id: "none" });
    await t.publish("session:s", "operation", { operation_id: "a b" });
    await t.publish("session:s", "operation", null);
    await report(t, theirs, "started");
    await t.clock.advance(1_000);
    expect(socket.received()).toEqual([]);
    const own = await create(t, "s");
    await t.clock.settle();
    expect(socket.take()).toMatchObject([{ transaction_id: own.operation.id, session_id: "s" }]);
  });

  test("[P-FEED-5] messages from a feed reader are ignored, except that they show that the reader is alive", async () => {
    await using t = testCore();
    const socket = await feed(t, "s");
    for (let i = 0; i < 6; i++) {
      await t.clock.advance(20_000);
      socket.sendText("{ not json");
      socket.sendBinary();
    }
    expect(socket.closed).toBeUndefined();
    expect(socket.received()).toEqual([]);
    await t.clock.advance(61_000);
    expect(socket.closed?.code).toBe(4003);
  });

  test("[P-FEED-5] a feed is closed with code 1008 and reason Session expired when its token expires, without a notice before", async () => {
    await using t = testCore();
    const expiresAt = t.clock.now() + 40_000;
    const socket = t.connectFeed("s", t.user("ada", { session: "s", expiresAt }));
    await t.clock.advance(39_000);
    expect(socket.closed).toBeUndefined();
    await t.clock.advance(1_100);
    expect(socket.closed).toEqual({ code: 1008, reason: "Session expired" });
    expect(socket.received()).toEqual([]);
  });
});

test("[P-LIM-2] [P-FEED-5] a feed whose client sends too much for too long is closed with 1008 and Too many messages", async () => {
  await using t = testCore({ limits: { connectionMessagesPerSecond: 1, burstSeconds: 1 } });
  const socket = await feed(t, "s");
  for (let n = 0; n < 200 && socket.closed === undefined; n++) {
    socket.sendText("{}");
    socket.sendText("{}");
    await t.clock.advance(100);
  }
  expect(socket.closed).toEqual({ code: 1008, reason: "Too many messages" });
});

describe("the inactivity of a session feed", () => {
  const rules = [
    {
      pattern: "session:{session}",
      subscribe: "own-session",
      publish: "granted",
      retention: { maxEntries: 100, maxAgeMs: 3_600_000 },
      projection: { name: "keyed", by: "operation_id" },
      idleTimeoutMs: 300_000,
    },
  ] as const;

  test("[P-FEED-5] a feed stays open without a document for an hour, since its rule sets no idleTimeoutMs", async () => {
    await using t = testCore();
    const socket = await feed(t, "s");
    for (let n = 0; n < 120; n++) {
      await t.clock.advance(30_000);
      socket.pong();
    }
    expect(socket.closed).toBeUndefined();
  });

  test("[P-FEED-5] a feed without a document for the idleTimeoutMs of its rule is closed with 4004, although its client answers pings", async () => {
    await using t = testCore({ rules });
    const created = await create(t, "s");
    const socket = await feed(t, "s");
    async function advance(minutes: number) {
      for (let n = 0; n < minutes * 2; n++) {
        await t.clock.advance(30_000);
        socket.pong();
      }
    }
    await advance(4);
    await report(t, created, "started");
    await advance(4);
    expect(socket.closed).toBeUndefined();
    socket.sendText("any text is a sign of life");
    await advance(4);
    expect(socket.closed).toBeUndefined();
    await advance(2);
    expect(socket.closed?.code).toBe(4004);
  });
});

describe("documents of a session feed", () => {
  test("[P-FEED-2] a feed starts with the current documents of the 20 most recent operations, oldest first", async () => {
    await using t = testCore();
    const ids: string[] = [];
    for (let n = 0; n < 25; n++) {
      ids.push((await create(t, "s")).operation.id);
      await t.clock.advance(10);
    }
    const first = await feed(t, "s");
    const second = await feed(t, "s");
    for (const socket of [first, second]) {
      const documents = socket.take();
      expect(documents.map(({ transaction_id }) => transaction_id)).toEqual(ids.slice(5));
      expect(new Set(documents.map(({ type }) => type))).toEqual(new Set(["progress_update"]));
    }
  });

  test("[P-FEED-2] a feed shows at most one document per operation in 100 ms, and always shows the last change", async () => {
    await using t = testCore();
    const created = await create(t, "s");
    const socket = await feed(t, "s");
    socket.take();
    await t.clock.advance(1_000);
    for (let n = 1; n <= 100; n++) {
      await report(t, created, "progress", { percent: n });
      await t.clock.advance(10);
    }
    await t.clock.advance(200);
    const shown = socket.take();
    expect(shown.length).toBeGreaterThan(5);
    expect(shown.length).toBeLessThanOrEqual(12);
    expect(shown[0]).toMatchObject({ percent: 1 });
    expect(shown.at(-1)).toMatchObject({ percent: 100 });
    const sequences = shown.map(({ sequence }) => sequence as number);
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
  });

  test("[P-FEED-2] operations of a feed do not delay each other's documents", async () => {
    await using t = testCore();
    const [a, b] = [await create(t, "s"), await create(t, "s")];
    const socket = await feed(t, "s");
    socket.take();
    await t.clock.advance(1_000);
    await report(t, a, "started");
    await report(t, b, "started");
    await t.clock.settle();
    expect(socket.take()).toHaveLength(2);
  });

  test("[P-FEED-3] a feed document holds the complete state of its operation", async () => {
    await using t = testCore();
    const created = await create(t, "s", { title: "Analyse", steps: [{ id: "fetch" }] });
    await report(t, created, "started");
    await report(t, created, "step", { id: "fetch", percent: 50 });
    await report(t, created, "agent", { id: "news", name: "News", tasks: ["read"] });
    await report(t, created, "log", { message: "hello", level: "warning" });
    const [document] = (await feed(t, "s")).take();
    const { operation } = await t.core.operations.get(t.service, created.operation.id);
    expect(document).toEqual({
      type: "progress_update",
      session_id: "s",
      transaction_id: operation.id,
      kind: "analysis",
      title: "Analyse",
      status: "running",
      attempt: 1,
      percent: operation.percent,
      message: operation.message ?? null,
      current_step: "fetch",
      current_agent: "news",
      current_tasks: { news: ["read"] },
      steps: operation.steps,
      events: operation.log,
      progress_events: operation.log,
      execution_order: ["fetch", "news"],
      timeline: operation.timeline,
      error: null,
      sequence: operation.offset,
      timestamp: new Date(operation.updated_at).toISOString(),
    });
  });

  test("all connections to a session's feed receive its documents, and the node reads its channels once for all of them", async () => {
    await using t = testCore();
    const created = await create(t, "s");
    const sockets = [await feed(t, "s"), await feed(t, "s"), await feed(t, "s")];
    expect(t.core.stats().channels).toBe(2);
    await t.clock.advance(200);
    await report(t, created, "done");
    await t.clock.settle();
    for (const socket of sockets) {
      expect(socket.take().map(({ status }) => status)).toEqual(["waiting", "done"]);
    }
    for (const socket of sockets) socket.drop();
    expect(t.core.stats()).toMatchObject({ channels: 0, connections: 0 });
    const back = await feed(t, "s");
    expect(back.take()).toMatchObject([{ status: "done" }]);
  });

  test("[G7] a slow feed reader is not closed, and receives each operation's latest document once it reads again", async () => {
    await using t = testCore();
    const many = await Promise.all(Array.from({ length: 5 }, () => create(t, "s")));
    const socket = await feed(t, "s");
    socket.take();
    socket.stall();
    const message = "x".repeat(3_000);
    let most = 0;
    for (let n = 1; n <= 150; n++) {
      for (const created of many) await report(t, created, "log", { message: `${n} ${message}` });
      await t.clock.advance(110);
      most = Math.max(most, socket.bufferedBytes);
    }
    expect(most).toBeLessThan(1_500_000);
    expect(socket.closed).toBeUndefined();
    for (let turn = 0; turn < 20; turn++) {
      socket.resume();
      await t.clock.advance(50);
    }
    const last = new Map(
      socket.take().map((document) => [document.transaction_id, document.sequence]),
    );
    for (const { operation } of many) {
      const { operation: now } = await t.core.operations.get(t.service, operation.id);
      expect(last.get(operation.id)).toBe(now.offset);
    }
  });
});

test("[P-FEED-2] an operation that could not be read is shown at its first change after the failure", async () => {
  const faulty = new FaultyEngine();
  await using t = testCore({ engine: faulty.factory });
  const socket = await feed(t, "s");
  faulty.detach();
  const created = await create(t, "s");
  await t.clock.advance(11_000);
  faulty.attach();
  await t.clock.settle();
  expect(socket.take()).toEqual([]);
  await report(t, created, "started");
  await t.clock.settle();
  expect(socket.take().at(-1)).toMatchObject({ status: "running" });
});

/** Returns the documents that a socket received twice, as text. */
function repeated(socket: TestSocket): string[] {
  const texts = socket.received().map((document) => JSON.stringify(document));
  return texts.filter((text, at) => texts.indexOf(text) !== at);
}

describe("the documents that a reader of a session feed has already", () => {
  for (const waitMs of [0, 1, 50, 99, 100, 101]) {
    test(`[P-FEED-2] no document is sent twice to a reader that joins ${waitMs} ms after the last change, beside another reader`, async () => {
      await using t = testCore();
      const created = await create(t, "s");
      const first = await feed(t, "s");
      await t.clock.advance(1_000);
      await report(t, created, "started");
      await t.clock.advance(10);
      await report(t, created, "progress", { percent: 10 });
      await t.clock.advance(waitMs);
      const second = await feed(t, "s");
      await t.clock.advance(1_000);
      for (const socket of [first, second]) {
        expect(repeated(socket)).toEqual([]);
        expect(socket.received().at(-1)).toMatchObject({ percent: 10 });
      }
      await report(t, created, "progress", { percent: 20 });
      await t.clock.advance(1_000);
      const third = await feed(t, "s");
      await t.clock.advance(1_000);
      for (const socket of [first, second, third]) {
        expect(repeated(socket)).toEqual([]);
        expect(socket.received().at(-1)).toMatchObject({ percent: 20 });
      }
    });
  }

  test("[P-FEED-2] no document is sent twice to readers that join at any time while an operation reports", async () => {
    await using t = testCore({
      limits: { maxConnectionsPerSession: 100, maxConnectionsPerUser: 100 },
    });
    const created = await create(t, "s");
    const sockets: TestSocket[] = [];
    for (let n = 1; n <= 60; n++) {
      await report(t, created, "progress", { percent: n });
      await t.clock.advance((n * 37) % 140);
      if (n % 3 === 0) sockets.push(await feed(t, "s"));
      await t.clock.advance((n * 17) % 60);
    }
    await t.clock.advance(1_000);
    for (const socket of sockets) {
      expect(repeated(socket)).toEqual([]);
      expect(socket.received().at(-1)).toMatchObject({ percent: 60 });
    }
  });

  test("[P-FEED-2] no document is sent twice to a reader whose queue was full when the document was due twice", async () => {
    await using t = testCore();
    const created = await create(t, "s");
    const other = await create(t, "s");
    const socket = await feed(t, "s");
    const beside = await feed(t, "s");
    socket.stall();
    const message = "x".repeat(6_000);
    for (let n = 0; n < 120; n++) {
      await report(t, created, "log", { message });
      if (n === 60) await report(t, other, "started");
      await t.clock.advance(110);
    }
    socket.resume();
    await t.clock.advance(1_000);
    expect(repeated(socket)).toEqual([]);
    expect(repeated(beside)).toEqual([]);
    for (const { operation } of [created, other]) {
      const { operation: now } = await t.core.operations.get(t.service, operation.id);
      const own = socket.received().filter((one) => one.transaction_id === operation.id);
      expect(own.at(-1)?.sequence).toBe(now.offset);
    }
  });

  test("[P-FEED-2] no document is sent twice after an outage of the store and a disruption of the bus", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    const created = await create(t, "s");
    const socket = await feed(t, "s");
    await report(t, created, "started");
    await t.clock.advance(1_000);
    faulty.goAway();
    await t.clock.advance(20_000);
    faulty.comeBack();
    await t.clock.advance(60_000);
    socket.pong();
    faulty.disrupt();
    await t.clock.advance(20_000);
    expect(repeated(socket)).toEqual([]);
    await faulty.loseTail(`operation:${created.operation.id}`, 1);
    await t.clock.advance(60_000);
    expect(repeated(socket)).toEqual([]);
  });

  test("[P-FEED-2] no document is sent twice to a reader of a feed that dropped an operation and follows it again", async () => {
    await using t = testCore();
    const many: CreatedOperation[] = [];
    for (let n = 0; n < 24; n++) many.push(await create(t, "s"));
    const socket = await feed(t, "s");
    for (const round of [1, 2, 3]) {
      for (const { operation } of many) {
        await t.publish("session:s", "operation", { operation_id: operation.id, round });
        await t.clock.advance(110);
      }
      socket.pong();
    }
    expect(repeated(socket)).toEqual([]);
    expect(socket.received()).toHaveLength(24);
    await report(t, many[0] as CreatedOperation, "started");
    await t.clock.advance(1_000);
    expect(socket.received().at(-1)).toMatchObject({ status: "running" });
  });

  test("[P-FEED-2] no document is sent twice to a reader of a session with more operations than the feed shows, while all of them report", async () => {
    await using t = testCore();
    const many: CreatedOperation[] = [];
    for (let n = 0; n < 25; n++) many.push(await create(t, "s"));
    const socket = await feed(t, "s");
    for (let round = 1; round <= 8; round++) {
      for (const created of many) {
        await report(t, created, "progress", { percent: round * 10 });
        await t.clock.advance(7);
      }
      await t.clock.advance(round * 300);
      socket.pong();
    }
    await t.clock.advance(10_000);
    expect(repeated(socket)).toEqual([]);
  });
});

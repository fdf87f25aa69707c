import { expect, test } from "vitest";
import type { ReconnectSpan } from "../connection/connected-client.ts";
import { testCore } from "../testing/index.ts";
import { reconnectSpan } from "./reconnect-span.ts";

test("[P-CLOSE-2] a shutdown announces itself, refuses new connections, waits, and closes the rest with 4000", async () => {
  await using t = testCore();
  const leaves = t.connect({ principal: t.user("ada") });
  const stays = t.connect({ principal: t.user("bob"), channels: ["user:bob"] });
  const waits = t.connect();
  const feed = t.connectFeed("s", t.user("ada", { session: "s" }));
  await t.clock.settle();
  for (const socket of [leaves, stays]) socket.take();
  let ended = false;
  const shutdown = t.core.shutdown(5_000).then(() => {
    ended = true;
  });
  await t.clock.settle();
  expect(leaves.take()).toEqual([
    { type: "notice", code: "server_shutting_down", reconnect: { min_ms: 100, max_ms: 1_325 } },
  ]);
  expect(waits.received()).toEqual([]);
  expect(feed.received()).toEqual([
    { type: "notice", code: "server_shutting_down", reconnect: { min_ms: 3_775, max_ms: 5_000 } },
  ]);
  expect(t.core.stats().status).toBe("draining");
  const late = t.connect({ principal: t.user("eve") });
  await t.clock.settle();
  expect(late.closed?.code).toBe(4000);
  await t.publish("user:bob", "still", 1);
  leaves.drop();
  await t.clock.advance(4_000);
  expect(stays.take().at(-1)).toMatchObject({ event: "still" });
  expect(stays.closed).toBeUndefined();
  await t.clock.advance(1_100);
  for (const socket of [stays, waits, feed]) expect(socket.closed?.code).toBe(4000);
  await t.clock.advance(100);
  expect(ended).toBe(true);
  expect(t.clock.pendingTimers).toBe(0);
  await shutdown;
  const { operations } = t.core;
  for (const refused of [
    t.publish("user:bob", "e", 1),
    operations.create(t.service, { kind: "index" }),
    t.core.presence.list(t.service, "user:bob"),
    operations.get(t.service, "9"),
    operations.list(t.service, {}),
    operations.report(t.service, "9", { lease: "l", events: [] }),
    operations.takeOver(t.service, "9"),
    operations.command(t.service, "9", { command: "cancel" }),
    operations.pendingCommands(t.service, { producer: "p" }, 1_000),
    t.core.handleUpstream(t.user("ada"), "-", '{"type":"ping","id":1}'),
    t.core.forwardUpstream(t.user("ada"), "-", '{"type":"ping","id":1}'),
  ]) {
    await expect(refused).rejects.toMatchObject({ code: "shutting_down", retryable: true });
  }
  expect(t.clock.pendingTimers).toBe(0);
});

test("[P-CLOSE-2] the clients of a node are asked to reconnect one after the other, over the whole drain", async () => {
  await using t = testCore();
  const sockets = Array.from({ length: 500 }, (_, i) =>
    t.connect({ principal: t.user(`user-${i}`) }),
  );
  await t.clock.settle();
  for (const socket of sockets) socket.take();
  const shutdown = t.core.shutdown(10_000);
  await t.clock.settle();
  const spans = sockets.map((socket) => {
    const [notice] = socket.take() as { reconnect: ReconnectSpan }[];
    return notice?.reconnect ?? { min_ms: 0, max_ms: 0 };
  });
  const middles = spans.map(({ min_ms, max_ms }) => (min_ms + max_ms) / 2);
  expect(middles).toEqual(middles.toSorted((a, b) => a - b));
  for (const { min_ms, max_ms } of spans) expect(max_ms - min_ms).toBeLessThanOrEqual(121);
  // In no second do more than an even share of the clients come back, and a tenth more.
  for (let second = 0; second < 10; second++) {
    const inSecond = middles.filter((at) => Math.floor(at / 1_000) === second);
    expect(inSecond.length).toBeLessThanOrEqual(55);
  }
  for (const socket of sockets) socket.drop();
  await t.clock.until(shutdown);
});

test("[P-CLOSE-2] many connections that stay are closed in steps at the end of the drain, and none after it", async () => {
  await using t = testCore();
  const sockets = Array.from({ length: 1_000 }, (_, i) =>
    t.connect({ principal: t.user(`user-${i}`) }),
  );
  await t.clock.settle();
  const shutdown = t.core.shutdown(10_000);
  const closed = () => sockets.filter((socket) => socket.closed !== undefined).length;
  await t.clock.advance(7_400);
  expect(closed()).toBe(0);
  let before = 0;
  while (before < sockets.length) {
    await t.clock.advance(100);
    expect(closed() - before).toBeLessThanOrEqual(100);
    before = closed();
  }
  expect(t.clock.monotonic()).toBeLessThanOrEqual(10_300);
  await t.clock.until(shutdown);
});

test.each([
  [0, 1, 0, { min_ms: 100, max_ms: 1_000 }],
  [0, 1, 5_000, { min_ms: 100, max_ms: 5_000 }],
  [1, 2, 5_000, { min_ms: 2_550, max_ms: 5_000 }],
  [0, 10_000, 5_000, { min_ms: 100, max_ms: 200 }],
  [9_999, 10_000, 5_000, { min_ms: 4_900, max_ms: 5_000 }],
])(
  "[P-CLOSE-2] client %i of %i is asked to reconnect in its share of a drain of %i ms",
  (index, count, drainMs, span) => {
    expect(reconnectSpan(index, count, drainMs)).toEqual(span);
  },
);

test("[P-CLOSE-2] a shutdown ends early when every connection has left, and a second call waits for the same shutdown", async () => {
  await using t = testCore();
  const socket = t.connect({ principal: t.user("ada") });
  await t.clock.settle();
  const both = Promise.all([t.core.shutdown(60_000), t.core.shutdown(1)]);
  await t.clock.advance(1_000);
  const before = t.clock.monotonic();
  socket.drop();
  await t.clock.until(both);
  expect(t.clock.monotonic() - before).toBeLessThan(1_000);
});

test("[P-CLOSE-2] a shutdown terminates a connection whose peer does not answer the close", async () => {
  await using t = testCore();
  const socket = t.connect({ principal: t.user("ada") });
  await t.clock.settle();
  socket.stall();
  await t.clock.until(t.core.shutdown(0));
  expect(socket.terminated).toBe(true);
  expect(t.core.stats().connections).toBe(0);
});

test("a node with connections, a feed and operations leaves no timer after its shutdown", async () => {
  await using t = testCore();
  const created = await t.core.operations.create(t.service, {
    kind: "index",
    session_id: "s",
    user_id: "ada",
  });
  t.connect({ principal: t.user("ada"), channels: [created.channel, "user:ada"] });
  t.connectFeed("s", t.user("ada", { session: "s" }));
  await t.core.operations.command(t.user("ada"), created.operation.id, { command: "cancel" });
  await t.clock.settle();
  expect(t.clock.pendingTimers).toBeGreaterThan(0);
  await t.clock.until(t.core.shutdown(100));
  expect(t.clock.pendingTimers).toBe(0);
  expect(t.faults).toEqual([]);
});

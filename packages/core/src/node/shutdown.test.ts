import { expect, test } from "vitest";
import { testCore } from "../testing/index.ts";

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
    { type: "notice", code: "server_shutting_down", reconnect: { min_ms: 100, max_ms: 5_000 } },
  ]);
  expect(waits.received()).toEqual([]);
  expect(feed.received()).toEqual([]);
  expect(t.core.stats().status).toBe("shutting_down");
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
  ]) {
    await expect(refused).rejects.toMatchObject({ code: "shutting_down", retryable: true });
  }
  expect(() => t.core.forwardUpstream(t.user("ada"), "-", '{"type":"ping","id":1}')).toThrow(
    expect.objectContaining({ code: "shutting_down" }),
  );
  expect(t.clock.pendingTimers).toBe(0);
});

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

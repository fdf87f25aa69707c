import { FaultyEngine } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { highWaterBytes } from "../send-queue/send-queue.ts";
import { RecordingMeter, testCore } from "../testing/index.ts";

const rules = [
  {
    pattern: "log:*",
    subscribe: "authenticated",
    publish: "granted",
    retention: { maxEntries: 100, maxAgeMs: 3_600_000 },
  },
] as const;

test("[P-MET-7] the gauges of a node tell its connections by consumer and by user, its subscriptions and its status", async () => {
  const meter = new RecordingMeter();
  await using t = testCore({ rules, meter });
  for (const user of ["ada", "ada", "bob"]) {
    t.connect({ principal: t.user(user), channels: ["log:a"] });
  }
  t.connect({ principal: t.service });
  await t.clock.settle();
  expect(meter.readByValue("milepost_connections_by_consumer")).toMatchObject({ websocket: 4 });
  expect([...meter.readAll("milepost_connections_per_user")].sort()).toEqual([1, 2]);
  expect(meter.read("milepost_subscriptions")).toBe(3);
  expect(meter.readByValue("milepost_status")).toEqual({
    healthy: 1,
    degraded: 0,
    draining: 0,
    unhealthy: 0,
  });
  expect(meter.read("milepost_silent_connections")).toBe(0);
  await t.clock.advance(36_000);
  expect(meter.read("milepost_silent_connections")).toBe(4);
  await t.clock.advance(40_000);
  expect(meter.count("milepost_heartbeat_failures_total")).toBe(4);
  expect(meter.count("milepost_closes_total", { code: "4003" })).toBe(4);
});

test("[P-MET-7] bytes that wait for a slow connection are counted, and bytes and messages in both directions", async () => {
  const meter = new RecordingMeter();
  await using t = testCore({ rules, meter });
  const socket = t.connect({ principal: t.user("ada"), channels: ["log:a"] });
  await t.clock.settle();
  const before = meter.count("milepost_sent_bytes_total");
  expect(before).toBeGreaterThan(0);
  socket.send({ type: "ping", id: 1 });
  await t.clock.settle();
  expect(meter.count("milepost_frames_received_total")).toBe(1);
  expect(meter.count("milepost_received_bytes_total")).toBeGreaterThan(10);
  expect(meter.count("milepost_sent_bytes_total")).toBeGreaterThan(before);
  socket.stall();
  await t.publish("log:a", "n", "x".repeat(highWaterBytes));
  await t.clock.settle();
  await t.publish("log:a", "n", "x".repeat(1_000));
  await t.clock.settle();
  expect(meter.read("milepost_slow_connections")).toBe(1);
  expect(meter.read("milepost_send_queue_bytes")).toBeGreaterThan(highWaterBytes);
  expect(meter.observed("milepost_publish_to_socket_milliseconds")).toHaveLength(2);
  t.connect({ principal: t.user("bob") });
  // The readings of one scrape are shared for a moment.
  await t.clock.advance(100);
  expect(meter.read("milepost_slow_connections")).toBe(1);
});

test("[P-MET-7] the state of the link to the store and the length of its outage are told", async () => {
  const meter = new RecordingMeter();
  const faulty = new FaultyEngine();
  await using t = testCore({ rules, meter, engine: faulty.factory });
  faulty.goAway();
  await t.clock.advance(2_000);
  expect(meter.read("milepost_store_outage_seconds")).toBeGreaterThanOrEqual(1);
  expect(meter.readByValue("milepost_status").degraded).toBe(1);
  expect(meter.readByValue("milepost_store_link").connected).toBe(0);
  faulty.comeBack();
  await t.clock.advance(2_000);
  expect(meter.readByValue("milepost_store_link").connected).toBe(1);
  expect(meter.read("milepost_store_outage_seconds")).toBe(0);
});

test("[P-MET-3] [P-MET-7] operations are counted by kind and status, and commands by phase and time; after 50 kinds, others are other", async () => {
  const meter = new RecordingMeter();
  await using t = testCore({ rules, meter });
  const create = (kind: string, operation_id: string) =>
    t.core.operations.create(t.service, { kind, operation_id, user_id: "ada" });
  await create("index", "9");
  await t.core.operations.command(t.service, "9", { command: "cancel", key: "k" });
  await t.core.operations.command(t.service, "9", { command: "cancel", key: "of the same" });
  const count = (labels: Record<string, string>) =>
    meter.count("milepost_operation_statuses_total", labels);
  expect(count({ kind: "index", status: "waiting" })).toBe(1);
  expect(meter.count("milepost_commands_total", { phase: "requested" })).toBe(1);
  for (let n = 0; n < 60; n++) await create(`kind-${n}`, `k${n}`);
  expect(count({ kind: "kind-48" })).toBe(1);
  expect(count({ kind: "kind-55" })).toBe(0);
  expect(count({ kind: "other" })).toBe(11);
});

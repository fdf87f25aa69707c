import { type EngineFactory, memoryEngine } from "@milepost/engine";
import { altered, FaultyEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { type CoreOptions, type Meter, noMeter } from "../index.ts";
import { highWaterBytes } from "../send-queue/send-queue.ts";
import { RecordingMeter, type TestCore, TestSocket, testCore } from "../testing/index.ts";
import { createInstruments } from "./create-instruments.ts";
import { coreInstruments } from "./instruments.ts";

const retention = { maxEntries: 1_000, maxAgeMs: 3_600_000 };
const open = { subscribe: "authenticated", publish: "granted", retention } as const;
const rules = [
  { pattern: "merged:*", ...open, merge: { "*": "state" } },
  { pattern: "few:*", ...open, retention: { ...retention, maxEntries: 5 } },
  {
    pattern: "state:*",
    ...open,
    retention: { ...retention, maxEntries: 5 },
    projection: { name: "latest" },
  },
  { pattern: "job:*", ...open, durable: { maxAttempts: 1 } },
  { pattern: "log:*", ...open },
] as const;

function metered(options: Partial<CoreOptions> = {}): { t: TestCore; meter: RecordingMeter } {
  const meter = new RecordingMeter();
  return { t: testCore({ rules, meter, ...options }), meter };
}

async function reading(t: TestCore, ...channels: string[]): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user("ada"), channels });
  await t.clock.settle();
  socket.take();
  return socket;
}

async function publishMany(t: TestCore, channel: string, count: number): Promise<string[]> {
  const positions: string[] = [];
  for (let n = 0; n < count; n++) positions.push((await t.publish(channel, "n", n)).position);
  await t.clock.settle();
  return positions;
}

describe("the metrics of a node", () => {
  test("instruments have names that begin with milepost_, and every counter's name ends with _total", () => {
    const { meter } = metered();
    const rows = Object.values(coreInstruments);
    expect([...meter.names].sort()).toEqual(rows.map(({ name }) => name).sort());
    for (const { kind, name } of rows) {
      expect(name).toMatch(kind === "counter" ? /^milepost_[a-z_]+_total$/ : /^milepost_[a-z_]+$/);
    }
  });

  test("connections are counted by consumer when they open, and by the class of their close code when they end", async () => {
    const { t, meter } = metered();
    await using _t = t;
    const sse = new (class extends TestSocket {
      readonly consumer = "sse" as const;
    })(t.json);
    sse.attach(t.core.connect(sse, { principal: t.user("ada") }));
    const [dropped, refused] = [await reading(t), t.connect()];
    expect(meter.read("milepost_connections")).toBe(3);
    expect(meter.count("milepost_connections_opened_total", { consumer: "sse" })).toBe(1);
    expect(meter.count("milepost_connections_opened_total", { consumer: "websocket" })).toBe(2);
    refused.send({ type: "subscribe", id: 1, channel: "log:a" });
    dropped.drop();
    await t.clock.settle();
    await t.core.connections.disconnect(t.service, { user: "ada" });
    await t.clock.settle();
    const closed = (labels: Record<string, string>) =>
      meter.count("milepost_connections_closed_total", labels);
    expect(closed({ consumer: "websocket", code: "4xxx" })).toBe(1);
    expect(closed({ consumer: "websocket", code: "none" })).toBe(1);
    expect(closed({ consumer: "sse", code: "4xxx" })).toBe(1);
    expect(closed({})).toBe(3);
    expect(meter.read("milepost_connections")).toBe(0);
    // An upstream request without a stream does not count as an opened connection.
    await t.core.handleUpstream(t.user("ada"), "-", '{"type":"ping"}');
    expect(closed({})).toBe(3);
    expect(meter.count("milepost_connections_opened_total", {})).toBe(3);
  });

  test("publications are counted once they are stored, and refused publishes by their error code", async () => {
    const { t, meter } = metered();
    await using _t = t;
    await t.publish("log:a", "n", 1, "k");
    await t.publish("log:a", "n", 1, "k");
    await expect(t.publish("log:*:x", "n", 1)).rejects.toThrow();
    const publish = t.core.channels.publish(t.user("ada"), "log:a", "n", 1);
    await expect(publish).rejects.toMatchObject({ code: "forbidden" });
    expect(meter.count("milepost_publications_accepted_total")).toBe(1);
    expect(meter.count("milepost_publications_refused_total")).toBe(2);
    expect(meter.count("milepost_publications_refused_total", { code: "forbidden" })).toBe(1);
  });

  test("an error that is not a MilepostError counts as internal", async () => {
    const faulty = new FaultyEngine();
    const { t, meter } = metered({
      engine: (context) => {
        const engine = faulty.factory(context);
        const append = () => Promise.reject(new Error("x"));
        return { ...engine, log: altered(engine.log, { append }) };
      },
    });
    await using _t = t;
    await expect(t.publish("log:a", "n", 1)).rejects.toThrow();
    expect(meter.count("milepost_publications_refused_total", { code: "internal" })).toBe(1);
  });

  test("deliveries are counted in one call for each batch: its entries times the channel's subscribers", async () => {
    const calls: number[] = [];
    const meter: Meter = {
      ...noMeter,
      counter: (name, help, labels) =>
        name === "milepost_deliveries_total"
          ? { add: (count) => calls.push(count), with: () => ({ add: () => {} }) }
          : noMeter.counter(name, help, labels),
    };
    await using t = testCore({ rules, meter });
    for (let n = 0; n < 3; n++) await reading(t, "log:a", "log:b");
    await Promise.all([1, 2, 3, 4].map((n) => t.publish("log:a", "n", n)));
    await t.clock.settle();
    expect(calls).toEqual([12]);
  });

  test("the gauges of channels with subscribers and of spooled publishes are read when the meter collects", async () => {
    const { t, meter } = metered();
    await using _t = t;
    await reading(t, "log:a", "log:b");
    expect(meter.read("milepost_channels")).toBe(2);
    expect(meter.read("milepost_spooled_publishes")).toBe(0);
  });

  test("gaps and resets are counted by reason, for each subscriber", async () => {
    const faulty = new FaultyEngine();
    const { t, meter } = metered({ engine: faulty.factory });
    await using _t = t;
    await reading(t, "few:a", "state:a");
    await reading(t, "few:a");
    faulty.loses = ({ position }) => position.offset < 20;
    await publishMany(t, "few:a", 20);
    await publishMany(t, "state:a", 20);
    expect(meter.count("milepost_gaps_total", { reason: "trimmed" })).toBe(2);
    expect(meter.count("milepost_gaps_total")).toBe(2);
    expect(meter.count("milepost_resets_total", { reason: "trimmed" })).toBe(1);
    expect(meter.count("milepost_resets_total")).toBe(1);
  });

  test("resumes are counted by their verdict, and a subscription that starts at its channel's head does not count as a resume", async () => {
    const { t, meter } = metered();
    await using _t = t;
    const kept = await publishMany(t, "log:a", 3);
    const trimmed = await publishMany(t, "few:a", 20);
    const socket = await reading(t, "log:b");
    socket.send({ type: "subscribe", id: 1, channel: "log:a", since: kept[1] });
    socket.send({ type: "subscribe", id: 2, channel: "few:a", since: trimmed[1] });
    await t.clock.settle();
    const resumes = (verdict: string) => meter.count("milepost_resumes_total", { verdict });
    expect([resumes("recovered"), resumes("trimmed")]).toEqual([1, 1]);
    expect(meter.count("milepost_resumes_total")).toBe(2);
    expect(meter.count("milepost_gaps_total", { reason: "trimmed" })).toBe(1);
  });

  test("merged entries and overflowing send queues are counted", async () => {
    const { t, meter } = metered({ limits: { maxOutboxBytes: 2 * highWaterBytes } });
    await using _t = t;
    const [merging, overflowing] = [await reading(t, "merged:a"), await reading(t, "log:a")];
    for (const [socket, channel] of [
      [merging, "merged:a"],
      [overflowing, "log:a"],
    ] as const) {
      socket.stall();
      await t.publish(channel, "fill", "x".repeat(highWaterBytes));
      await t.clock.settle();
      await t.publish(channel, "fill", "");
      await t.clock.settle();
    }
    await publishMany(t, "merged:a", 10);
    await t.publish("log:a", "n", "x".repeat(2 * highWaterBytes));
    await t.clock.settle();
    expect(overflowing.closed?.code).toBe(4002);
    expect(meter.count("milepost_send_queue_overflows_total")).toBe(1);
    merging.resume();
    await t.clock.settle();
    expect(meter.count("milepost_merged_entries_total")).toBe(9);
  });

  test("an outage of the store is counted when connections are notified of it", async () => {
    const faulty = new FaultyEngine();
    const { t, meter } = metered({ engine: faulty.factory });
    await using _t = t;
    faulty.goAway();
    await t.clock.advance(300);
    faulty.comeBack();
    await t.clock.advance(1_000);
    expect(meter.count("milepost_store_outages_total")).toBe(0);
    faulty.goAway();
    await t.clock.advance(1_000);
    expect(meter.count("milepost_store_outages_total")).toBe(1);
  });

  test("operations are counted when they are created, stalled and lost", async () => {
    const { t, meter } = metered();
    await using _t = t;
    const input = { kind: "index", operation_id: "9", lease_ms: 5_000 };
    await t.core.operations.create(t.service, input);
    await t.core.operations.create(t.service, input);
    await t.clock.advance(5_100);
    const counts = () =>
      ["created", "stalled", "lost"].map((what) =>
        meter.count(`milepost_operations_${what}_total`),
      );
    expect(counts()).toEqual([1, 1, 0]);
    await t.clock.advance(60_000);
    expect(counts()).toEqual([1, 1, 1]);
  });

  test("dead letters are counted when they are written", async () => {
    const { t, meter } = metered();
    await using _t = t;
    const socket = await reading(t);
    socket.send({ type: "subscribe", id: 1, channel: "job:a", as: "worker" });
    await t.clock.settle();
    const { position } = await t.publish("job:a", "n", 1);
    await t.clock.settle();
    socket.send({ type: "nack", channel: "job:a", position, reason: "no" });
    await t.clock.settle();
    expect(meter.count("milepost_dead_letters_written_total")).toBe(1);
  });
});

describe("a node whose meter fails", () => {
  test("a node goes on when an instrument throws, and logs the first error of each metric", async () => {
    const thrower = {
      add() {
        throw new Error("the registry is broken");
      },
    };
    const meter: Meter = { ...noMeter, counter: () => ({ ...thrower, with: () => thrower }) };
    await using t = testCore({ rules, meter });
    const socket = await reading(t, "log:a");
    await publishMany(t, "log:a", 3);
    expect(socket.take().map(({ data }) => data)).toEqual([0, 1, 2]);
    const logged = t.faults.filter(({ fields }) => String(fields.err).includes("is broken"));
    // Five metrics log their first error: connections opened, publications accepted, deliveries, messages and bytes sent.
    expect(logged).toHaveLength(5);
  });

  test("a node does not start when an instrument cannot be created, and opens no engine", () => {
    const { meter } = metered();
    let opened = 0;
    const engine: EngineFactory = (context) => {
      opened++;
      return memoryEngine()(context);
    };
    expect(() => testCore({ rules, meter, engine })).toThrow("exists already");
    expect(opened).toBe(0);
  });
});

describe("a node without a meter", () => {
  test("a node without a meter uses noMeter and delivers entries in the same way", async () => {
    await using t = testCore({ rules });
    const socket = await reading(t, "log:a");
    await publishMany(t, "log:a", 1);
    expect(socket.take()).toHaveLength(1);
    const { connectionsOpened, deliveries } = createInstruments(noMeter, coreInstruments, () => {});
    for (const counter of [connectionsOpened.sse, deliveries]) counter.add(1);
    expect(t.faults).toEqual([]);
  });
});

import { expect, test } from "vitest";
import { connectedClient, settle } from "../testing/index.ts";
import { AgeSample } from "./age-sample.ts";
import { type LatencyOptions, shareLatency } from "./latency.ts";
import { StoreClock } from "./store-clock.ts";

const channel = "chat:1";
/** Time of the store minus that of the client's machine, in milliseconds: the clocks are an hour apart. */
const ahead = 3_600_000;

type Gateway = Awaited<ReturnType<typeof connectedClient>>["gateway"];

/** Answers the reports that have arrived, with the store's time, and returns their params. */
async function answer(gateway: Gateway, now: number) {
  const params: unknown[] = [];
  while (gateway.last.count("request") > 0) {
    const report = gateway.last.take("request");
    expect(report.method).toBe("connection.latency");
    params.push(report.params);
    await gateway.last.reply(report, { now, counted: 0 });
  }
  return params;
}

async function setUp(options: LatencyOptions = { share: 1, everyMs: 10_000 }) {
  const { client, gateway, clock } = await connectedClient();
  let offset = 0;
  let skewMs = ahead;
  const storeNow = () => clock.now() + skewMs;
  const stop = shareLatency(client, { random: () => 0.5, ...options });
  await settle();
  return {
    client,
    gateway,
    clock,
    stop,
    storeNow,
    /** Sets the clock of the store. */
    setStore: (ms: number) => {
      skewMs = ahead + ms;
    },
    look: () => answer(gateway, storeNow()),
    subscribe: async () => {
      const events: unknown[] = [];
      client.channel(channel).subscribe({ onEvent: ({ data }) => events.push(data) });
      await settle();
      const asked = gateway.last.take("subscribe");
      await gateway.last.reply(asked, { channel, position: "e1.0.t0", recovered: false });
      return events;
    },
    /** Delivers an event that was appended `ageMs` ago. */
    event: async (ageMs: number) => {
      offset++;
      const position = `e1.${offset}.t${offset}`;
      const ts = storeNow() - ageMs;
      await gateway.last.say({ type: "event", channel, position, event: "e", data: offset, ts });
    },
  };
}

test("[P-LAT-4] ages are measured by the clock of the store, and reported after a look that agrees", async () => {
  const t = await setUp();
  expect(await t.look()).toEqual([{}]);
  const events = await t.subscribe();
  await t.clock.advance(5_000);
  await t.event(40);
  await t.event(7);
  await t.clock.advance(5_000);
  expect(await t.look()).toEqual([{}, { ages: [40, 7] }]);
  expect(events).toEqual([1, 2]);
});

test("[P-LAT-4] entries that were appended before the subscription was live are not measured", async () => {
  const t = await setUp();
  await t.look();
  await t.clock.advance(2_000);
  await t.subscribe();
  await t.event(1_500);
  await t.clock.advance(1_000);
  await t.event(1_001);
  await t.event(999);
  await t.clock.advance(7_000);
  expect(await t.look()).toEqual([{}, { ages: [999] }]);
});

test("[P-LAT-4] ages between two looks that disagree are dropped", async () => {
  const t = await setUp();
  await t.look();
  await t.subscribe();
  await t.clock.advance(5_000);
  await t.event(40);
  t.setStore(250);
  await t.clock.advance(5_000);
  expect(await t.look()).toEqual([{}]);
  await t.event(60);
  await t.clock.advance(10_000);
  expect(await t.look()).toEqual([{}, { ages: [60] }]);
});

test("[P-LAT-4] subscriptions to summaries are not measured", async () => {
  const t = await setUp();
  await t.look();
  t.client.channel(channel).subscribe({}, { summaryMs: 1_000 });
  await settle();
  const asked = t.gateway.last.take("subscribe");
  await t.gateway.last.reply(asked, { channel, position: "e1.0.t0", recovered: false });
  await t.clock.advance(5_000);
  await t.event(10);
  await t.clock.advance(5_000);
  expect(await t.look()).toEqual([{}]);
});

test("[P-LAT-4] a client that is not drawn, one that has stopped, and one whose gateway lacks the method report nothing", async () => {
  const undrawn = await setUp({ share: 0.5 });
  expect(await undrawn.look()).toEqual([]);

  const stopped = await setUp();
  await stopped.look();
  await stopped.subscribe();
  await stopped.clock.advance(5_000);
  await stopped.event(5);
  stopped.stop();
  await stopped.clock.advance(20_000);
  expect(await stopped.look()).toEqual([]);

  const old = await setUp();
  const asked = old.gateway.last.take("request");
  await old.gateway.last.refuse(asked, { code: "unknown_method" });
  await old.clock.advance(20_000);
  expect(await old.look()).toEqual([]);
});

test("[P-LAT-4] a report has 32 ages at most, a random sample of all", () => {
  let n = 0;
  const sample = new AgeSample(32, () => (n = (n + 0.618034) % 1));
  for (let age = 0; age < 10_000; age++) sample.add(age);
  expect(sample.ages).toHaveLength(32);
  const mean = sample.ages.reduce((sum, age) => sum + age, 0) / 32;
  expect(mean).toBeGreaterThan(3_000);
  expect(mean).toBeLessThan(7_000);
});

test("[P-LAT-4] the best look bounds the error of an age by half of its round trip, whatever way was slow", () => {
  for (const there of [0, 10, 300]) {
    for (const back of [0, 10, 300]) {
      const clock = new StoreClock();
      // The store is 5,000 ms ahead. The slow looks around the good one do not spoil the estimate.
      clock.measured(0, 900, 5_000 + 880);
      clock.measured(1_000, 1_000 + there + back, Math.round(6_000 + there));
      clock.measured(2_000, 2_900, 7_020);
      const age = clock.ageOf(10_000 + 5_000 - 500, 10_000) ?? Number.NaN;
      expect(Math.abs(age - 500)).toBeLessThanOrEqual((there + back) / 2 + 1);
    }
  }
});

test("[P-LAT-4] an entry from beyond the error of the clock has no age", () => {
  const clock = new StoreClock();
  expect(clock.ageOf(5, 10)).toBeUndefined();
  clock.measured(0, 20, 1_010);
  expect(clock.ageOf(1_021, 20)).toBe(0);
  expect(clock.ageOf(1_040, 20)).toBeUndefined();
});

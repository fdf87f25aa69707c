import { slowSteps } from "@milepost/model";
import { expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";
import { randomOf } from "../testing/quarter-runs.ts";
import { inSequence, runSteps, type TimedStep } from "../testing/step-runs.ts";

type Random = ReturnType<typeof randomOf>;
const about = ({ normal }: Random, ms: number, spread = 0.15) =>
  Math.max(1, Math.round(ms * Math.exp(spread * normal())));

/** Five steps of the same weight and very different length. Every other run, on average, needs no build. */
function uneven(random: Random): readonly TimedStep[] {
  const times = { fetch: 1_000, build: 40_000, check: 2_000, pack: 1_500, send: 9_000 };
  const isBuilt = random.fraction() < 0.5;
  const wanted = Object.entries(times).filter(([id]) => isBuilt || id !== "build");
  return inSequence(Object.fromEntries(wanted.map(([id, ms]) => [id, about(random, ms)])));
}

/** Three steps side by side, of which any may be the last, between two others. */
function parallel(random: Random): readonly TimedStep[] {
  const [read] = inSequence({ read: about(random, 5_000) });
  const from = read?.tookMs ?? 0;
  const middle = ["text", "image", "sound"].map((id, i) => ({
    id,
    fromMs: from,
    tookMs: about(random, 20_000 + 4_000 * i, 0.5),
  }));
  const joined = Math.max(...middle.map(({ tookMs }) => from + tookMs));
  return [
    ...inSequence({ read: from }),
    ...middle,
    ...inSequence({ join: about(random, 8_000) }, joined),
  ];
}

test.each(Object.entries({ uneven, parallel }))(
  "[P-EST-14] of 1,000 runs of a kind with %s steps, the share below each told bound is within five points of nominal",
  { timeout: 120_000 },
  async (name, stepsOf) => {
    await using t = testCore();
    const random = randomOf(name.length * 104_729);
    const tallies = new Map<number, { told: number; below50: number; below90: number }>();
    for (let i = 0; i < 1_050; i++) {
      const { asked, totalMs } = await runSteps(t, name, stepsOf(random));
      if (i < 50) continue;
      let before = 0;
      for (const { atMs, state } of asked) {
        const [mark, , p50, p90] = state.estimate?.marks?.at(-1) ?? [-1, 0];
        const isNew = (state.estimate?.marks?.length ?? 0) > before;
        before = state.estimate?.marks?.length ?? before;
        if (!isNew || p50 === undefined || p90 === undefined) continue;
        const tally = tallies.get(mark) ?? { told: 0, below50: 0, below90: 0 };
        tally.told++;
        if (totalMs - atMs < p50) tally.below50++;
        if (totalMs - atMs < p90) tally.below90++;
        tallies.set(mark, tally);
      }
    }
    const often = [...tallies.values()].filter(({ told }) => told > 400);
    expect(often.length).toBeGreaterThan(2);
    for (const { told, below50, below90 } of often) {
      expect(Math.abs(below50 / told - 0.5)).toBeLessThan(0.05);
      expect(Math.abs(below90 / told - 0.9)).toBeLessThan(0.05);
      expect(Math.abs((below90 - below50) / told - 0.4)).toBeLessThan(0.05);
    }
  },
);

/** Sum of how far the bounds were from the actual time, as the loss of which they are the quantiles. */
async function loss(kind: (random: Random) => readonly TimedStep[], isListed: boolean) {
  await using t = testCore();
  const random = randomOf(5);
  let sum = 0;
  for (let i = 0; i < 400; i++) {
    const steps = kind(random);
    // The same work without the names of its steps: each run calls them differently.
    const named = isListed ? steps : steps.map((step) => ({ ...step, id: `${step.id}${i}` }));
    const { asked, totalMs } = await runSteps(t, "kind", named);
    if (i < 50) continue;
    for (const { atMs, state } of asked) {
      const { at, remaining } = state.estimate ?? { at: 0 };
      if (remaining === undefined) continue;
      const passed = state.updated_at - at;
      for (const [level, ms] of [
        [0.5, remaining.p50_ms],
        [0.9, remaining.p90_ms],
      ] as const) {
        const miss = totalMs - atMs - Math.max(0, ms - passed);
        sum += Math.max(level * miss, (level - 1) * miss);
      }
    }
  }
  return sum;
}

test.each([
  // Half of the uneven runs skip their longest step, which only the list of steps tells.
  ["uneven", uneven, 0.5],
  // All parallel runs have the same steps, so that their names tell little that the percentages do not.
  ["parallel", parallel, 1.03],
] as const)(
  "[P-EST-14] known times of %s steps bring the bounds nearer to the actual time",
  { timeout: 120_000 },
  async (_, kind, below) => {
    const ratio = (await loss(kind, true)) / (await loss(kind, false));
    expect(ratio).toBeLessThan(below);
  },
);

/** A kind whose runs take about 1 s, 20 s and 4 s in three steps. */
async function teach(t: TestCore, times = 30): Promise<void> {
  const random = randomOf(3);
  for (let i = 0; i < times; i++) {
    const steps = {
      fetch: about(random, 1_000),
      build: about(random, 20_000),
      send: about(random, 4_000),
    };
    await runSteps(t, "job", inSequence(steps));
  }
}

/** Begins an operation with these steps, and returns what reports on it and reads it. */
async function begin(t: TestCore, ids: readonly string[], create: object = {}) {
  const { operations } = t.core;
  const { operation, lease } = await operations.create(t.service, {
    kind: "job",
    steps: ids.map((id) => ({ id })),
    lease_ms: 24 * 3_600_000,
    ...create,
  });
  const report = (event: string, data: object = {}) =>
    operations.report(t.service, operation.id, { lease: lease.token, events: [{ event, data }] });
  await report("started");
  return {
    report,
    look: async () => (await operations.get(t.service, operation.id)).operation,
  };
}

test("[P-EST-14] a run that plans fewer steps than usual has less time left", async () => {
  await using t = testCore();
  await teach(t);
  const all = await (await begin(t, ["fetch", "build", "send"])).look();
  const few = await (await begin(t, ["fetch", "send"])).look();
  expect(all.estimate?.remaining?.p50_ms).toBeGreaterThan(20_000);
  expect(few.estimate?.remaining?.p50_ms).toBeLessThan(18_000);
});

test("[P-EST-15] a step that takes longer than in nine of ten runs is slower than usual, until it ends", async () => {
  await using t = testCore();
  await teach(t);
  const { report, look } = await begin(t, ["fetch", "build", "send"]);
  await report("step", { id: "fetch" });
  const usual = new Map((await look()).estimate?.usual_steps?.map((one) => [one.id, one.p90_ms]));
  expect([...usual.keys()]).toEqual(["fetch", "build", "send"]);
  for (const [id, ms] of [
    ["fetch", 1_000],
    ["build", 20_000],
    ["send", 4_000],
  ] as const) {
    expect(usual.get(id)).toBeGreaterThan(ms);
    expect(usual.get(id)).toBeLessThan(1.6 * ms);
  }
  await t.clock.advance((usual.get("fetch") ?? 0) - 1);
  expect(slowSteps(await look(), t.clock.now())).toEqual([]);
  await t.clock.advance(2);
  expect(slowSteps(await look(), t.clock.now())).toEqual(["fetch"]);
  await report("step", { id: "fetch", status: "done" });
  await report("step", { id: "build" });
  expect(slowSteps(await look(), t.clock.now())).toEqual([]);
  await t.clock.advance(60_000);
  const slow = await look();
  expect(slowSteps(slow, t.clock.now())).toEqual(["build"]);
  // The operation as a whole is late too, and says so beside the usual times of what is left.
  expect(slow.estimate?.slower_than_usual).toBe(true);
  expect(slow.estimate?.usual_steps?.map(({ id }) => id)).toEqual(["build", "send"]);
});

test("[P-EST-15] pauses are no part of the time of a step, and after a stall no step is called slow", async () => {
  await using t = testCore();
  await teach(t);
  const paused = await begin(t, ["fetch", "build", "send"]);
  await paused.report("step", { id: "fetch" });
  await paused.report("paused");
  await t.clock.advance(3_600_000);
  await paused.report("resumed");
  expect(slowSteps(await paused.look(), t.clock.now())).toEqual([]);
  await t.clock.advance(3_000);
  expect(slowSteps(await paused.look(), t.clock.now())).toEqual(["fetch"]);

  const stalled = await begin(t, ["fetch", "build", "send"], { lease_ms: 60_000 });
  await stalled.report("step", { id: "fetch" });
  await t.clock.advance(300_000);
  expect((await stalled.look()).status).toBe("stalled");
  await stalled.report("step", { id: "fetch", percent: 50 });
  const { status } = await stalled.look();
  expect(status).toBe("running");
  expect(slowSteps(await stalled.look(), t.clock.now())).toEqual([]);
});

test("[P-EST-16] the time of a paused step is learned without the pause, and a run that stalled teaches nothing about its steps", async () => {
  await using t = testCore();
  const run = async (breakStep: (report: (event: string) => Promise<unknown>) => Promise<void>) => {
    const { report } = await begin(t, ["one", "two"], { lease_ms: 60_000 });
    await report("step", { id: "one" });
    await t.clock.advance(5_000);
    await breakStep(report);
    await report("step", { id: "one", status: "done" });
    await t.clock.advance(10_000);
    await report("step", { id: "two", status: "done" });
    await report("done");
  };
  for (let i = 0; i < 6; i++) {
    await run(async () => {
      await t.clock.advance(300_000);
    });
  }
  const usual = async () => {
    const { look, report } = await begin(t, ["one", "two"]);
    const { estimate } = await look();
    await report("failed", { error: { code: "x", message: "y", retryable: false } });
    return estimate?.usual_steps;
  };
  expect(await usual()).toBeUndefined();
  for (let i = 0; i < 6; i++) {
    await run(async (report) => {
      await report("paused");
      await t.clock.advance(300_000);
      await report("resumed");
    });
  }
  const [one] = (await usual()) ?? [];
  expect(one?.id).toBe("one");
  expect(Math.abs((one?.p90_ms ?? 0) - 5_000)).toBeLessThan(200);
});

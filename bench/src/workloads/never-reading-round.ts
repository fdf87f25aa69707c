import type { DeafReport } from "../generator/deaf-reader.ts";
import type { HistogramData } from "../measure/histogram.ts";
import { type MemorySample, type MemoryTrace, traceOf } from "../measure/memory-trace.ts";
import { monotonicUs } from "../measure/monotonic.ts";
import { cpuSeconds, residentBytes } from "../measure/process-usage.ts";
import type { TargetName } from "../targets/catalog.ts";
import { addGenerator, setStage } from "./stage.ts";

/** Kinds of company: who else subscribes to the channel of the measured readers. */
export const companies = ["nobody", "readers", "deaf", "deaf, coming back"] as const;
export type Company = (typeof companies)[number];

/**
 * Load of one round: a channel, the readers that are measured, and the other connections to the same channel.
 */
export interface NeverReadingLoad {
  readonly target: TargetName;
  readonly company: Company;
  readonly others: number;
  readonly subscribers: number;
  readonly ticksPerSecond: number;
  readonly perTick: number;
  readonly seconds: number;
}

/**
 * Result of one round. All figures are of the measured readers, except `memory`, `serverCpu`, `companyCpu` and
 * `deaf`.
 */
export interface NeverReadingRound {
  readonly company: Company;
  readonly latency: HistogramData;
  readonly deliveredPerSecond: number;
  readonly lost: number;
  readonly missing: number;
  readonly repeated: number;
  readonly closed: number;
  readonly closeReason?: string;
  readonly memory: MemoryTrace;
  /** Share of one core; `generatorCpu` and `companyCpu` are such shares too. */
  readonly serverCpu: number;
  readonly generatorCpu: number;
  readonly companyCpu: number;
  readonly deaf: DeafReport;
}

const warmUpSeconds = 3;
const patienceMs = 3_000;
const sampleMs = 500;

/** Runs one round on fresh processes; the measured readers have a generator of their own. */
export async function runNeverReadingRound(load: NeverReadingLoad): Promise<NeverReadingRound> {
  const { target, company, others, subscribers, ticksPerSecond, perTick } = load;
  await using stage = await setStage(target);
  await using crowd = addGenerator();
  const { server, generator, plan } = stage;
  await generator.call("connect", { plan, connections: subscribers }, 120_000);
  const publish = async (seconds: number) => {
    const ticks = Math.max(1, Math.round(seconds * ticksPerSecond));
    const expected = ticks * perTick * subscribers;
    const pace = { ticks, intervalMs: 1_000 / ticksPerSecond };
    const timeoutMs = seconds * 10_000 + 10_000;
    await server.call("publish", { pace, perTick }, timeoutMs);
    const arrived = { delivered: expected, patienceMs };
    return { expected, ...(await generator.call("waitFor", arrived, timeoutMs)) };
  };

  await publish(warmUpSeconds);
  if (company === "readers") {
    // These readers join after the warm-up, so their first number is not 0. Their counts are therefore not
    // used.
    await crowd.call("connect", { plan, connections: others }, 120_000);
  } else if (company !== "nobody") {
    const comesBack = company === "deaf, coming back";
    await crowd.call("connectDeaf", { plan, connections: others, comesBack }, 120_000);
  }
  await generator.call("reset", undefined);
  const samples: MemorySample[] = [];
  const begunAt = monotonicUs();
  const look = () => samples.push([(monotonicUs() - begunAt) / 1e6, residentBytes(server.pid)]);
  look();
  const looking = setInterval(look, sampleMs);
  const usage = () => ({
    at: monotonicUs(),
    server: cpuSeconds(server.pid),
    generator: cpuSeconds(generator.pid),
    crowd: cpuSeconds(crowd.pid),
  });
  const before = usage();
  try {
    const { expected, delivered, latency, reads: _, ...rest } = await publish(load.seconds);
    const after = usage();
    const seconds = (after.at - before.at) / 1e6;
    return {
      company,
      latency,
      deliveredPerSecond: delivered / seconds,
      lost: Math.max(0, expected - delivered),
      ...rest,
      memory: traceOf(samples),
      serverCpu: (after.server - before.server) / seconds,
      generatorCpu: (after.generator - before.generator) / seconds,
      companyCpu: (after.crowd - before.crowd) / seconds,
      deaf: await crowd.call("deafReport", undefined),
    };
  } finally {
    clearInterval(looking);
  }
}

import { join } from "node:path";
import { Histogram, type HistogramData } from "../measure/histogram.ts";
import { monotonicUs } from "../measure/monotonic.ts";
import { cpuSeconds } from "../measure/process-usage.ts";
import { describeProfile, type HotSpot } from "../measure/profile.ts";
import type { TargetName } from "../targets/catalog.ts";
import { setStage } from "./stage.ts";

/** Load of one round: one channel, its subscribers, and what is published to it. */
export interface PacedLoad {
  readonly target: TargetName;
  readonly subscribers: number;
  readonly ticksPerSecond: number;
  readonly perTick: number;
  readonly seconds: number;
  /** Folder to which a CPU profile of the server is written; absent: no profile. */
  readonly profile?: string;
}

/** Result of one round. */
export interface PacedRound {
  readonly target: TargetName;
  readonly ticksPerSecond: number;
  /** Microseconds of the server's CPU, user and system, per message that a subscriber received. */
  readonly cpuUsPerDelivery: number;
  readonly deliveredPerSecond: number;
  /**
   * Planned time divided by the time until the last message was read; a value below 1 means that something was
   * too slow.
   */
  readonly paceKept: number;
  /** Messages per read of a subscriber's socket. It shows how far the server joins messages in one write. */
  readonly messagesPerRead: number;
  /** Share of one core; `generatorCpu` is such a share too. */
  readonly serverCpu: number;
  readonly generatorCpu: number;
  /** Microseconds from the moment a message was due until it was read. */
  readonly latency: HistogramData;
  /**
   * Messages that did not arrive. The next fields count the other faults: numbers that were skipped, repeated
   * or late, and connections that ended.
   */
  readonly lost: number;
  readonly missing: number;
  readonly repeated: number;
  readonly closed: number;
  readonly closeReason?: string;
  readonly hotSpots?: readonly HotSpot[];
}

/**
 * Seconds of the same load before the measurement, so that code is compiled and buffers have reached their
 * size.
 */
const warmUpSeconds = 1.5;

/** Longest wait of the generator for the next message, in milliseconds, before it gives up the rest. */
const patienceMs = 2_000;

/** Runs one round of a load on fresh processes. */
export async function runPacedRound(load: PacedLoad): Promise<PacedRound> {
  const { target, subscribers, ticksPerSecond, perTick } = load;
  await using stage = await setStage(target);
  const { server, generator, plan } = stage;
  await generator.call("connect", { plan, connections: subscribers }, 120_000);

  const publish = async (seconds: number) => {
    const ticks = Math.max(1, Math.round(seconds * ticksPerSecond));
    const expected = ticks * perTick * subscribers;
    const pace = { ticks, intervalMs: 1_000 / ticksPerSecond };
    // A target that cannot keep the pace may take up to ten times as long.
    const timeoutMs = seconds * 10_000 + 10_000;
    await server.call("publish", { pace, perTick }, timeoutMs);
    const arrived = { delivered: expected, patienceMs };
    return { expected, ...(await generator.call("waitFor", arrived, timeoutMs)) };
  };

  await publish(warmUpSeconds);
  await generator.call("reset", undefined);
  if (load.profile !== undefined) await server.call("startProfile", undefined);
  const usage = () => ({
    at: monotonicUs(),
    server: cpuSeconds(server.pid),
    generator: cpuSeconds(generator.pid),
  });
  const before = usage();
  const counted = await publish(load.seconds);
  const after = usage();
  const seconds = (after.at - before.at) / 1e6;
  const { expected, delivered, reads, ...rest } = counted;
  return {
    target,
    ticksPerSecond,
    cpuUsPerDelivery: ((after.server - before.server) * 1e6) / Math.max(delivered, 1),
    deliveredPerSecond: delivered / seconds,
    // One interval is subtracted, because delivering the last tick may take that long without counting as late.
    paceKept: Math.min(1, load.seconds / (seconds - 1 / ticksPerSecond)),
    messagesPerRead: delivered / Math.max(reads, 1),
    serverCpu: (after.server - before.server) / seconds,
    generatorCpu: (after.generator - before.generator) / seconds,
    lost: Math.max(0, expected - delivered),
    ...rest,
    ...(load.profile === undefined
      ? {}
      : {
          hotSpots: describeProfile(
            await server.call("saveProfile", {
              path: join(load.profile, `${target}.cpuprofile`),
            }),
          ),
        }),
  };
}

/** Merges the latencies of several rounds into one histogram. */
export function mergeLatencies(rounds: readonly PacedRound[]): Histogram {
  const merged = new Histogram();
  for (const round of rounds) merged.merge(round.latency);
  return merged;
}

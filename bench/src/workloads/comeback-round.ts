import { monotonicUs } from "../measure/monotonic.ts";
import { cpuSeconds } from "../measure/process-usage.ts";
import type { TargetName } from "../targets/catalog.ts";
import { setStage } from "./stage.ts";

/** Kinds of absence: what the connections that were cut have missed when they reconnect. */
export const absences = ["nothing", "the same", "by turns"] as const;
export type Absence = (typeof absences)[number];

export interface ComebackLoad {
  readonly target: TargetName;
  readonly absence: Absence;
  readonly connections: number;
  /** Average number of publications that each connection has missed, where it has missed any. */
  readonly missed: number;
}

/** Result of one round. */
export interface ComebackRound {
  readonly absence: Absence;
  /** Seconds from the first reconnect until the last reader has received everything. */
  readonly seconds: number;
  readonly serverCpuSeconds: number;
  readonly generatorCpuSeconds: number;
  readonly lost: number;
  /** Publications that were skipped, repeated or out of order. */
  readonly wrong: number;
  readonly closed: number;
}

const patienceMs = 5_000;
const timeoutMs = 300_000;

/** Runs one round on fresh processes: all readers are connected, all are cut at once, and all reconnect. */
export async function runComebackRound(load: ComebackLoad): Promise<ComebackRound> {
  const { target, absence, connections, missed } = load;
  await using stage = await setStage(target);
  const { server, generator, plan } = stage;
  await generator.call("connect", { plan, connections }, timeoutMs);
  const publish = (ticks: number) =>
    server.call("publish", { pace: { ticks, intervalMs: 10 }, perTick: 1 }, timeoutMs);
  const before = 2 * missed;
  await publish(before);
  const arrived = { delivered: before * connections, patienceMs };
  await generator.call("waitFor", arrived, timeoutMs);
  await generator.call("cut", undefined);
  // Either all readers miss the same publications, or the readers resume by turns from places up to twice as
  // far back.
  if (absence === "the same") await publish(missed);
  const kept = await server.call("cursors", undefined);
  const places =
    absence === "nothing"
      ? kept.slice(-1)
      : absence === "the same"
        ? kept.slice(-missed - 1, -missed)
        : kept.slice(-2 * missed);
  const newest = kept.at(-1)?.seq ?? 0;
  let expected = 0;
  for (let i = 0; i < connections; i++) expected += newest - (places[i % places.length]?.seq ?? 0);
  const usage = () => ({
    at: monotonicUs(),
    server: cpuSeconds(server.pid),
    generator: cpuSeconds(generator.pid),
  });
  const begun = usage();
  await generator.call("comeBack", { plan, connections, places }, timeoutMs);
  const caughtUp = { delivered: expected, patienceMs };
  const report = await generator.call("waitFor", caughtUp, timeoutMs);
  const ended = usage();
  return {
    absence,
    seconds: (ended.at - begun.at) / 1e6,
    serverCpuSeconds: ended.server - begun.server,
    generatorCpuSeconds: ended.generator - begun.generator,
    lost: Math.max(0, expected - report.delivered),
    wrong: report.missing + report.repeated,
    closed: report.closed,
  };
}

import { Histogram, type HistogramData } from "../measure/histogram.ts";
import { cpuSeconds } from "../measure/process-usage.ts";
import { summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import { ownChannel, publishTargets, readersOf } from "../targets/publish-target.ts";
import { secrets } from "../targets/served-node.ts";
import { setPublishStage } from "./publish-stage.ts";
import { type OnProgress, rotated, type WorkloadReport } from "./workload.ts";

const targets = ["ws", "milepost"] as const;
type Target = (typeof targets)[number];

const readerCount = 5_000;
const rate = 5_000;
const httpConnections = 64;

interface Round {
  readonly serverUs: number;
  readonly serverCpu: number;
  readonly deliveredPerSecond: number;
  readonly latency: HistogramData;
  readonly faults: readonly string[];
}

/** Runs the workload `unicast`: readers with channels of their own, and publications by HTTP at a fixed rate. */
export async function runUnicast(
  { rounds: count, seconds }: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const rounds = new Map<Target, Round[]>(targets.map((target) => [target, []]));
  for (let round = 0; round < count; round++) {
    for (const target of rotated(targets, round)) {
      onProgress(`unicast: round ${round + 1} of ${count}, ${target}`);
      rounds.get(target)?.push(await runRound(target, seconds));
    }
  }
  const floors = rounds.get("ws") ?? [];
  const rows = targets.map((target) => {
    const own = rounds.get(target) ?? [];
    const latency = new Histogram();
    for (const round of own) latency.merge(round.latency);
    const p99s = own.map((round) => {
      const one = new Histogram();
      one.merge(round.latency);
      return one.percentile(99) / 1_000;
    });
    return {
      target,
      serverUs: summarize(own.map(({ serverUs }) => serverUs)),
      serverCpu: summarize(own.map(({ serverCpu }) => serverCpu)),
      toWs: summarize(own.map(({ serverUs }, at) => serverUs / (floors[at]?.serverUs ?? 1))),
      perSecond: summarize(own.map(({ deliveredPerSecond }) => deliveredPerSecond)),
      p50Ms: latency.percentile(50) / 1_000,
      p99Ms: summarize(p99s),
      faults: own.flatMap(({ faults }) => faults),
      rounds: own,
    };
  });
  return {
    workload: "unicast",
    what: `${readerCount} connections with channels of their own, ${rate} publications a second by HTTP, one a request; ${count} rounds of ${seconds} s`,
    table: [
      [
        "",
        "deliveries/s",
        "CPU us each",
        "x ws (min-max)",
        "p50 ms",
        "p99 (median, min-max)",
        "server CPU",
      ],
      ...rows.map(({ target, perSecond, serverUs, toWs, p50Ms, p99Ms, serverCpu }) => [
        publishTargets[target],
        perSecond.median.toFixed(0),
        serverUs.median.toFixed(1),
        `${toWs.median.toFixed(2)} (${toWs.min.toFixed(2)}-${toWs.max.toFixed(2)})`,
        p50Ms.toFixed(1),
        `${p99Ms.median.toFixed(1)} (${p99Ms.min.toFixed(1)}-${p99Ms.max.toFixed(1)})`,
        serverCpu.median.toFixed(2),
      ]),
    ],
    notes: rows.flatMap(({ faults }) => faults),
    rows,
  };
}

async function runRound(target: Target, seconds: number): Promise<Round> {
  await using stage = await setPublishStage(target);
  const { server, load, readers, port } = stage;
  const plan = readersOf(target, port);
  await readers.call("connect", { plan, connections: readerCount }, 120_000);
  const aim = { port, apiKey: secrets.apiKey, connections: httpConnections, rate };
  const publish = { ...aim, channels: readerCount, channel: ownChannel };
  // The first second does not count: each channel gets its first publication then.
  const before = await load.call("pace", { ...publish, seconds: 1 }, 60_000);
  await readers.call("waitFor", { delivered: before.published, patienceMs: 2_000 }, 60_000);
  await readers.call("reset", undefined);
  const [cpu, began] = [cpuSeconds(server.pid), performance.now()];
  const sent = await load.call(
    "pace",
    { ...publish, seconds, firstSeq: 1 },
    seconds * 1_000 + 60_000,
  );
  const took = (performance.now() - began) / 1_000;
  const used = cpuSeconds(server.pid) - cpu;
  const got = await readers.call(
    "waitFor",
    { delivered: sent.published, patienceMs: 2_000 },
    60_000,
  );
  const faults = [sent.refusal, got.closeReason].filter((fault) => fault !== undefined);
  const wrong = got.missing + got.repeated + Math.max(0, sent.published - got.delivered);
  if (wrong > 0) faults.push(`${target}: ${wrong} lost, skipped or repeated`);
  if (sent.published < rate * seconds * 0.99) {
    faults.push(
      `${target}: only ${sent.published} of ${rate * seconds} could be published in time`,
    );
  }
  return {
    serverUs: (used * 1e6) / Math.max(1, got.delivered),
    serverCpu: used / took,
    deliveredPerSecond: got.delivered / took,
    latency: got.latency,
    faults,
  };
}

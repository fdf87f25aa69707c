import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LoadReport, permitTarget, runLoad } from "@milepost/load";
import { removeWithThisProcess, startRedis } from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { processTree, proportionalBytes, residentBytes } from "../measure/process-usage.ts";
import type { Options } from "../options.ts";
import { secrets, serveNode } from "../targets/served-node.ts";
import type { OnProgress, WorkloadReport } from "./workload.ts";

const workers = 4;
const connectRate = 1_000;
const publicationsPerSecond = 1_000;
const readersOfAChannel = 10;
/** Time from when all workers listen until their memory is read, in milliseconds. */
const settleMs = 6_000;

/** Memory of the supervisor and all workers together, in bytes. */
interface Memory {
  readonly residentBytes: number;
  /** Resident memory in which pages that processes share count once; Redis is not part of it. */
  readonly proportionalBytes: number;
}

/** Runs the workload `deployment`: the load tool against one `milepost serve` with four workers over one Redis. */
export async function runDeployment(
  { deployed, seconds }: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  await using redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), "milepost-deployment-"));
  const forgetFolder = removeWithThisProcess(folder);
  try {
    const config = join(folder, "settings.json");
    await writeFile(config, JSON.stringify({ limits: { maxConnections: 19_000 } }));
    await using node = await serveNode({
      MILEPOST_REDIS_URL: redis.url,
      MILEPOST_MEMORY: "false",
      MILEPOST_WORKERS: String(workers),
      MILEPOST_CONFIG: config,
    });
    // What a start leaves behind is no part of what an idle deployment takes.
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const before = memoryOf(node.pid);
    let connected = before;
    let published = before;
    let phase = "";
    const tokens = createTokens(secrets.tokenSecret, Date);
    const report = await runLoad({
      profile: "deployment",
      shape: {
        ...{ connections: deployed, connectRate, rate: publicationsPerSecond },
        channels: Math.ceil(deployed / readersOfAChannel),
        ...{ seconds, warmupSeconds: 2, bytes: 136 },
      },
      target: await permitTarget(new URL(node.url), false),
      apiKey: secrets.apiKey,
      token: (index) =>
        tokens.mint({
          user: `bench-${index}`,
          session: `bench-${index}`,
          channels: { subscribe: ["bench:*"] },
        }),
      onProgress(progress) {
        if (progress.phase === phase) return;
        phase = progress.phase;
        // Nothing has been published yet: what was added is that of the connections.
        if (phase === "warm-up") connected = memoryOf(node.pid);
        if (phase === "finish") published = memoryOf(node.pid);
        onProgress(`deployment: ${phase}, ${progress.open} connected`);
      },
    });
    return reportOf(report, { before, connected, published });
  } finally {
    await rm(folder, { recursive: true, force: true });
    forgetFolder();
  }
}

function memoryOf(pid: number): Memory {
  const pids = processTree(pid);
  const sum = (of: (pid: number) => number) => pids.reduce((all, one) => all + of(one), 0);
  return { residentBytes: sum(residentBytes), proportionalBytes: sum(proportionalBytes) };
}

function reportOf(
  report: LoadReport,
  { before, connected, published }: Readonly<Record<"before" | "connected" | "published", Memory>>,
): WorkloadReport {
  const { shape, connect, publish, delivery, disconnects, warnings, generator } = report;
  const mb = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  const memories = (of: (memory: Memory) => number) =>
    [before, connected, published].map((memory) => mb(of(memory))).join(" / ");
  const ms = (us: number, digits = 1) => (us / 1_000).toFixed(digits);
  const perConnection =
    (connected.residentBytes - before.residentBytes) / Math.max(1, connect.opened);
  return {
    workload: "deployment",
    what: `${shape.connections} connections at ${connectRate}/s to one milepost serve with ${workers} workers over one Redis, each with a token and one channel; ${publicationsPerSecond} publications/s to ${readersOfAChannel} readers each for ${shape.seconds} s`,
    table: [
      ["", "value"],
      ["connected", `${connect.opened} of ${connect.asked}, ${connect.perSecond}/s`],
      ["connect p50 / p99 ms", `${ms(connect.latency.p50Us)} / ${ms(connect.latency.p99Us)}`],
      ["… p99 ms of each 1,000", connect.thousands.map(({ p99Us }) => ms(p99Us, 0)).join(" ")],
      ["RSS MB before / connected / published", memories(({ residentBytes }) => residentBytes)],
      [
        "PSS MB before / connected / published",
        memories(({ proportionalBytes }) => proportionalBytes),
      ],
      ["RSS KB a connection", (perConnection / 1_024).toFixed(1)],
      ["deliveries/s", String(delivery.perSecond)],
      ["deliver p50 / p99 ms", `${ms(delivery.latency.p50Us)} / ${ms(delivery.latency.p99Us)}`],
      ["lost / repeated", `${delivery.missing} / ${delivery.repeated}`],
      ["machine busy", `${Math.round(generator.machineShare * 100)} %`],
    ],
    notes: [
      ...[...connect.failures, ...disconnects, ...publish.refusals].map(
        ({ reason, count }) => `${count} × ${reason}`,
      ),
      ...warnings,
    ],
    rows: [{ before, connected, published, bytesPerConnection: perConnection, report }],
  };
}

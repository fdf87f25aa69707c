import { once } from "node:events";
import { createServer } from "node:net";
import { summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import { Child } from "../process/child.ts";
import {
  type JobCost,
  type JobProcess,
  type ReportKind,
  reportKinds,
} from "../producer/job-process.ts";
import { serveNode } from "../targets/served-node.ts";
import type { OnProgress, WorkloadReport } from "./workload.ts";

const perSecond = 10_000;

/** States of the gateway that a job reports to. */
const gateways = ["up", "slow", "gone"] as const;
type GatewayState = (typeof gateways)[number];

/** Largest share of a core that reporting may cost the job, by kind of report. */
const limits: Readonly<Partial<Record<ReportKind, number>>> = {
  progress: 0.05,
  step: 0.05,
  log: 0.1,
  text: 0.1,
};

/** Runs the workload `producer`: what reporting costs the process of a job, while the gateway is up, slow or gone. */
export async function runProducer(
  { rounds: count, seconds }: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const costs: { state: GatewayState; kind: ReportKind; cost: JobCost }[] = [];
  for (let round = 0; round < count; round++) {
    for (const state of gateways) {
      await using gateway = await gatewayIn(state);
      for (const kind of reportKinds) {
        onProgress(`producer: round ${round + 1} of ${count}, gateway ${state}, ${kind}`);
        await using job = new Child<JobProcess>(
          new URL("../producer/job-process.js", import.meta.url),
        );
        const params = { url: gateway.url, kind, perSecond, seconds };
        costs.push({ state, kind, cost: await job.call("run", params, (seconds + 60) * 1_000) });
      }
    }
  }
  const rows = gateways.flatMap((state) =>
    reportKinds.map((kind) => {
      const own = costs.filter((one) => one.state === state && one.kind === kind);
      const cores = summarize(own.map(({ cost }) => cost.cores));
      const longestMs = Math.max(...own.map(({ cost }) => cost.longestMs));
      return { state, kind, cores, longestMs, limit: limits[kind] };
    }),
  );
  return {
    workload: "producer",
    what: `a job that reports ${perSecond} times a second to a gateway in another process; ${count} rounds of ${seconds} s`,
    table: [
      ["gateway, reports", "% of a core (min-max)", "limit", "longest batch ms"],
      ...rows.map(({ state, kind, cores, longestMs, limit }) => [
        `${state}, ${kind}`,
        `${percent(cores.median)} (${percent(cores.min)}-${percent(cores.max)})`,
        limit === undefined ? "" : `${limit * 100}`,
        longestMs.toFixed(1),
      ]),
    ],
    notes: [
      "The share is that of the whole process, with what keeping the pace costs; the rows `none` show that part.",
    ],
    rows,
  };
}

function percent(share: number): string {
  return (share * 100).toFixed(1);
}

interface AnyGateway extends AsyncDisposable {
  readonly url: string;
}

async function gatewayIn(state: GatewayState): Promise<AnyGateway> {
  if (state === "up") return serveNode({});
  // A slow gateway takes every request and answers none.
  const server = createServer((socket) => void socket.on("error", () => {}).resume());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const url = `http://127.0.0.1:${port}`;
  if (state === "gone") server.close();
  return { url, [Symbol.asyncDispose]: async () => void server.close() };
}

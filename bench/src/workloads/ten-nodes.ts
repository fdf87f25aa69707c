import { Histogram } from "../measure/histogram.ts";
import { type Summary, summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import { type Received, runTenNodesRound, type TenNodesRound } from "./ten-nodes-round.ts";
import type { OnProgress, WorkloadReport } from "./workload.ts";

const nodes = 10;
const leastPaceKept = 0.9;

/**
 * Runs the workload `ten-nodes`: ten nodes over one Redis, with readers of one channel at all nodes. Then one
 * node is killed and its readers move to another.
 */
export async function runTenNodes(
  { rounds: count, seconds, connections, rate = 10 }: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const rounds: TenNodesRound[] = [];
  for (let round = 0; round < count; round++) {
    onProgress(`ten-nodes: round ${round + 1} of ${count}`);
    rounds.push(await runTenNodesRound({ nodes, connections, rate, seconds }));
  }
  const row = rowOf(rounds, rate * connections);
  const { together, comeback, perSecond, cpu, nodeMegabytes } = row;
  return {
    workload: "ten-nodes",
    what: `${nodes} nodes over 1 Redis; ${connections} readers of 1 channel by WebSocket, ${rate} publications/s of 136 bytes by HTTP on each node in turn: ${rate * connections} deliveries/s; ${count} rounds of ${seconds} s`,
    table: [
      [
        ...["", "deliveries/s (min-max)", "lost", "wrong", "p50 ms", "p99 (min-max)", "max"],
        ...["nodes' CPU", "Redis", "readers", "others", "MB per node (min-max)"],
      ],
      [
        "all ten nodes",
        spread(perSecond, 0),
        ...cellsOf(together),
        ...[cpu.nodes, cpu.redis, cpu.readers, cpu.others].map(percent),
        spread(nodeMegabytes, 0),
      ],
      ["one node killed, its readers at another", "", ...cellsOf(comeback), "", "", "", "", ""],
    ],
    notes: [
      "latency runs from the moment a publication was due until its reader received it, and includes the HTTP request; after the kill, it runs from the kill until a reader received what it missed",
      "CPU is the sum over all processes of a kind, 100 % is one core; others is everything else that ran on the machine",
      ...row.faults,
    ],
    rows: [row],
  };
}

interface Latencies {
  readonly lost: number;
  readonly wrong: number;
  /** Latency in milliseconds; `p99` and `max` are in milliseconds too. */
  readonly p50: number;
  readonly p99: Summary;
  readonly max: number;
}

/** Returns the report's row for all rounds, in which `wanted` deliveries per second were planned. */
export function rowOf(
  rounds: readonly TenNodesRound[],
  wanted: number,
): {
  readonly together: Latencies;
  readonly comeback: Latencies;
  readonly perSecond: Summary;
  /** Shares of one core, as medians of the rounds. */
  readonly cpu: TenNodesRound["cpu"];
  readonly nodeMegabytes: Summary;
  readonly faults: readonly string[];
} {
  const perSecond = summarize(rounds.map(({ together, seconds }) => together.delivered / seconds));
  const share = (of: keyof TenNodesRound["cpu"]) =>
    summarize(rounds.map(({ cpu, seconds }) => cpu[of] / seconds)).median;
  const together = latenciesOf(rounds.map((round) => round.together));
  const comeback = latenciesOf(rounds.map((round) => round.comeback));
  const faults: string[] = [];
  for (const [what, { lost, wrong }] of Object.entries({
    "all ten": together,
    "after the kill": comeback,
  })) {
    if (lost + wrong === 0) continue;
    faults.push(`${what}: ${lost} not delivered, ${wrong} skipped, repeated or late`);
  }
  const closed = rounds.reduce((total, round) => total + round.together.closed, 0);
  if (closed > 0) {
    const reason = rounds.find((round) => round.together.closed > 0)?.together.closeReason;
    faults.push(`${closed} connections ended: ${reason}`);
  }
  const closedLater = rounds.reduce((total, round) => total + round.comeback.closed, 0);
  if (closedLater > 0) {
    faults.push(`${closedLater} connections to the other node ended after the kill`);
  }
  if (perSecond.median < leastPaceKept * wanted) {
    const kept = Math.round((100 * perSecond.median) / wanted);
    faults.push(
      `only ${kept} % of the pace was kept, so the latencies include queueing; does the machine have enough cores and no other work?`,
    );
  }
  return {
    together,
    comeback,
    perSecond,
    cpu: {
      nodes: share("nodes"),
      redis: share("redis"),
      readers: share("readers"),
      others: share("others"),
    },
    nodeMegabytes: summarize(rounds.flatMap(({ nodeBytes }) => nodeBytes.map((b) => b / 2 ** 20))),
    faults,
  };
}

function latenciesOf(rounds: readonly Received[]): Latencies {
  const all = new Histogram();
  const p99 = rounds.map(({ latency }) => {
    const own = new Histogram();
    own.merge(latency);
    all.merge(latency);
    return own.percentile(99) / 1_000;
  });
  return {
    lost: rounds.reduce((total, { lost }) => total + lost, 0),
    wrong: rounds.reduce((total, { wrong }) => total + wrong, 0),
    p50: all.percentile(50) / 1_000,
    p99: summarize(p99),
    max: all.max / 1_000,
  };
}

function cellsOf({ lost, wrong, p50, p99, max }: Latencies): string[] {
  return [String(lost), String(wrong), p50.toFixed(0), spread(p99, 0), max.toFixed(0)];
}

function spread({ median, min, max }: Summary, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

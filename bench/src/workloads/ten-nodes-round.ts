import type { Deliveries } from "../generator/delivery-count.ts";
import { Histogram, type HistogramData } from "../measure/histogram.ts";
import { monotonicUs } from "../measure/monotonic.ts";
import { cpuSeconds, machineCpuSeconds, residentBytes } from "../measure/process-usage.ts";
import { startFleet } from "../targets/fleet.ts";
import { HttpProducer } from "../targets/http-producer.ts";
import { runPace } from "../targets/pacer.ts";
import type { ServedNode } from "../targets/served-node.ts";
import { Crowd } from "./crowd.ts";
import { inOrder, type LogEntry, overtaken } from "./log-order.ts";

export interface TenNodesLoad {
  readonly nodes: number;
  /** Readers of the one channel, divided among the nodes. */
  readonly connections: number;
  /** Publications per second. */
  readonly rate: number;
  readonly seconds: number;
}

/** Summary of what the readers received, compared with what was published. */
export interface Received {
  readonly delivered: number;
  readonly lost: number;
  /** Publications that were skipped, repeated or late. */
  readonly wrong: number;
  /** Latencies in microseconds. */
  readonly latency: HistogramData;
  /** Number of connections that ended; `closeReason` says why one of them did. */
  readonly closed: number;
  readonly closeReason?: string;
}

/** Result of one round. */
export interface TenNodesRound {
  /** Deliveries while all nodes run; latency runs from the moment a publication was due. */
  readonly together: Received;
  /** Seconds from one interval before the first publication was due until the last one was read. */
  readonly seconds: number;
  /** Seconds of CPU used in that time. */
  readonly cpu: {
    readonly nodes: number;
    readonly redis: number;
    readonly readers: number;
    /** CPU of everything else that ran on the machine. */
    readonly others: number;
  };
  /** Bytes of RAM of each node with its readers. */
  readonly nodeBytes: readonly number[];
  /**
   * Deliveries to the readers of the killed node after they moved to another node; latency runs from the kill.
   * `closed` counts the connections to the other node.
   */
  readonly comeback: Received;
}

const channel = "bench:all";
const warmUpSeconds = 3;

/**
 * Runs one round on fresh processes: all readers read, then one node is killed and its readers move to another
 * node.
 */
export async function runTenNodesRound(load: TenNodesLoad): Promise<TenNodesRound> {
  const { connections, rate } = load;
  await using fleet = await startFleet(load.nodes);
  const { nodes, redis } = fleet;
  await using crowd = await Crowd.open(channel, nodes, connections);
  using producer = new HttpProducer(channel);
  let published = 0;
  const publish = async (node: ServedNode, dueUs: number): Promise<LogEntry> => {
    const seq = published;
    published += 1;
    return { seq, position: await producer.publish(node.url, seq, dueUs) };
  };
  const publishAll = async (seconds: number) => {
    const pace = { ticks: Math.max(1, Math.round(seconds * rate)), intervalMs: 1_000 / rate };
    const answers: Promise<LogEntry>[] = [];
    await runPace(pace, (dueUs) => {
      const answer = publish(at(nodes, published % nodes.length), dueUs);
      // `Promise.all` below reports a rejection. This handler only keeps it from counting as unhandled until
      // then.
      answer.catch(() => {});
      answers.push(answer);
    });
    const log = inOrder(await Promise.all(answers));
    return { log, ...receivedOf(await crowd.all(log.length), log, connections) };
  };
  const usage = () => ({
    at: monotonicUs(),
    nodes: sum(nodes.map(({ pid }) => cpuSeconds(pid))),
    redis: cpuSeconds(redis.process.pid ?? 0),
    readers: crowd.cpuSeconds,
    own: cpuSeconds(process.pid),
    machine: machineCpuSeconds(),
  });

  const warmUp = await publishAll(warmUpSeconds);
  await crowd.reset();
  const before = usage();
  const { log, ...counted } = await publishAll(load.seconds);
  const after = usage();
  const nodeBytes = nodes.map(({ pid }) => residentBytes(pid));
  const used = (of: Exclude<keyof typeof before, "at">) => after[of] - before[of];
  const ours = used("nodes") + used("redis") + used("readers") + used("own");

  await crowd.reset();
  const place = { seq: published - 1, cursor: `${channel}@${log.at(-1)?.position}` };
  const killedAtUs = monotonicUs();
  const gone = at(nodes, nodes.length - 1)[Symbol.asyncDispose]();
  // This is published before the readers reconnect, so that each of them has missed it.
  const missed = await publish(at(nodes, 1), killedAtUs);
  const back = await crowd.comeBack(at(nodes, 0), place);
  await gone;
  const comeback = receivedOf([back.report], [missed], back.readers);
  return {
    together: {
      ...counted,
      lost: warmUp.lost + counted.lost,
      wrong: warmUp.wrong + counted.wrong,
    },
    seconds: (after.at - before.at) / 1e6,
    cpu: {
      nodes: used("nodes"),
      redis: used("redis"),
      readers: used("readers"),
      others: Math.max(0, used("machine") - ours),
    },
    nodeBytes,
    comeback: {
      ...comeback,
      // One connection of each reader ended with the killed node, or before.
      closed: Math.max(0, comeback.closed - back.readers),
    },
  };
}

/**
 * Adds up the counts of several generators whose `readers` readers should all have received this part of the
 * log.
 */
function receivedOf(
  reports: readonly Deliveries[],
  log: readonly LogEntry[],
  readers: number,
): Received {
  const latency = new Histogram();
  for (const report of reports) latency.merge(report.latency);
  const ended = reports.find(({ closeReason }) => closeReason !== undefined)?.closeReason;
  const wrong = sum(reports.map(({ missing, repeated }) => missing + repeated));
  return {
    delivered: latency.count,
    lost: Math.max(0, log.length * readers - latency.count),
    wrong: Math.abs(wrong - overtaken(log) * readers),
    latency: latency.toData(),
    closed: sum(reports.map(({ closed }) => closed)),
    ...(ended === undefined ? {} : { closeReason: ended }),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function at(nodes: readonly ServedNode[], index: number): ServedNode {
  const node = nodes[index];
  if (node === undefined) throw new Error(`there is no node ${index}`);
  return node;
}

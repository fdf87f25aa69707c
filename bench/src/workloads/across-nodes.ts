import { startRedis } from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { WebSocket } from "ws";
import { Histogram } from "../measure/histogram.ts";
import { monotonicUs } from "../measure/monotonic.ts";
import { cpuSeconds } from "../measure/process-usage.ts";
import { summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import { HttpProducer } from "../targets/http-producer.ts";
import { secrets, serveNode } from "../targets/served-node.ts";
import { type OnProgress, rotated, type WorkloadReport } from "./workload.ts";

const readers = 50;
const perSecond = 100;
const warmUpSeconds = 1.5;
const channel = "bench:all";
const places = ["the same node", "another node"] as const;
type Place = (typeof places)[number];

/** Results of one round: publications by HTTP on one node, read by WebSocket on the same or another node. */
interface Round {
  readonly place: Place;
  readonly latency: Histogram;
  /** Deliveries that did not arrive, or arrived out of order. */
  readonly lost: number;
  readonly cpu: readonly number[];
}

/**
 * Runs the workload `across-nodes`: publications by HTTP on one of two nodes over one Redis are read by
 * WebSocket on the same node or on the other.
 */
export async function runAcrossNodes(
  { rounds: count, seconds }: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const rounds: Round[] = [];
  for (let round = 0; round < count; round++) {
    for (const place of rotated(places, round)) {
      onProgress(`across-nodes: round ${round + 1} of ${count}, read on ${place}`);
      rounds.push(await runRound(place, seconds));
    }
  }
  const rows = places.map((place) => rowOf(place, rounds, seconds));
  return {
    workload: "across-nodes",
    what: `2 nodes over 1 Redis; ${perSecond} publications/s of 136 bytes by HTTP on one node, read by ${readers} readers by WebSocket: ${readers * perSecond} deliveries/s; ${count} rounds of ${seconds} s`,
    table: [
      ["read on", "p50 ms", "p99 (min-max)", "max", "lost", "CPU of the nodes"],
      ...rows.map(({ cells }) => cells),
    ],
    notes: [
      "latency runs from the moment a publication was due until its reader received it; it includes the HTTP request",
    ],
    rows: rows.map(({ cells: _, ...row }) => row),
  };
}

function rowOf(place: Place, rounds: readonly Round[], seconds: number) {
  const own = rounds.filter((round) => round.place === place);
  const all = new Histogram();
  for (const { latency } of own) all.merge(latency.toData());
  const p99 = summarize(own.map(({ latency }) => latency.percentile(99) / 1_000));
  const lost = own.reduce((sum, round) => sum + round.lost, 0);
  const cpu = own.map((round) => round.cpu.map((used) => used / seconds));
  const cells = [
    place,
    (all.percentile(50) / 1_000).toFixed(1),
    `${p99.median.toFixed(1)} (${p99.min.toFixed(1)}-${p99.max.toFixed(1)})`,
    (all.max / 1_000).toFixed(1),
    String(lost),
    [0, 1].map((i) => percent(summarize(cpu.map((used) => used[i] ?? 0)).median)).join(", "),
  ];
  return { place, p99, p50: all.percentile(50), max: all.max, lost, cells };
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

async function runRound(place: Place, seconds: number): Promise<Round> {
  await using redis = await startRedis();
  await using written = await serveNode({ MILEPOST_REDIS_URL: redis.url });
  await using other = await serveNode({ MILEPOST_REDIS_URL: redis.url });
  const read = place === "the same node" ? written : other;
  const latency = new Histogram();
  const from = Math.round(warmUpSeconds * perSecond);
  const until = from + seconds * perSecond;
  const seen = new Array<number>(readers).fill(-1);
  let lost = 0;
  const take = (reader: number, seq: number, at: number) => {
    if (seq !== (seen[reader] ?? 0) + 1) lost++;
    seen[reader] = seq;
    if (seq >= from && seq < until) latency.record(monotonicUs() - at);
  };
  const sockets = await Promise.all(
    Array.from({ length: readers }, (_, i) =>
      openReader(read.url, i, (seq, at) => take(i, seq, at)),
    ),
  );
  using producer = new HttpProducer(channel);
  let before: number[] = [];
  const began = monotonicUs() + 100_000;
  const answers: Promise<unknown>[] = [];
  for (let seq = 0; seq < until; seq++) {
    const due = began + (seq * 1_000_000) / perSecond;
    await reached(due);
    if (seq === from) before = [written, other].map(({ pid }) => cpuSeconds(pid));
    answers.push(producer.publish(written.url, seq, due));
  }
  await Promise.all(answers);
  const cpu = [written, other].map(({ pid }, i) => cpuSeconds(pid) - (before[i] ?? 0));
  const late = monotonicUs() + 5_000_000;
  while (seen.some((seq) => seq < until - 1) && monotonicUs() < late) await reached(monotonicUs());
  lost += seen.reduce((sum, seq) => sum + until - 1 - seq, 0);
  for (const socket of sockets) socket.terminate();
  return { place, latency, lost, cpu };
}

/**
 * Waits until a moment of the monotonic clock, given in microseconds. When the moment has passed or is less
 * than 1 ms away, waits only until the next turn of the event loop.
 */
function reached(us: number): Promise<void> {
  const wait = (us - monotonicUs()) / 1_000;
  return new Promise((resolve) => {
    if (wait > 1) setTimeout(resolve, wait);
    else setImmediate(resolve);
  });
}

async function openReader(
  url: string,
  index: number,
  onDelivery: (seq: number, at: number) => void,
): Promise<WebSocket> {
  const tokens = createTokens(secrets.tokenSecret, Date);
  const token = await tokens.mint({
    // A user may have only a few connections.
    user: `reader-${index}`,
    channels: { subscribe: ["bench:*"], publish: [] },
  });
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws?channels=${channel}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.on("message", (data: Buffer) => {
      const message = JSON.parse(data.toString("utf8")) as {
        readonly type: string;
        readonly data?: { readonly seq: string; readonly at: string };
      };
      if (message.type === "subscribed") resolve();
      else if (message.data?.seq !== undefined) {
        onDelivery(Number(message.data.seq), Number(message.data.at));
      }
    });
  });
  return socket;
}

import { startRedis } from "@milepost/redis/testing";
import type { GeneratorMethods } from "../generator/generator-process.ts";
import type { HttpLoadMethods } from "../generator/http-load-process.ts";
import { Histogram, type HistogramData } from "../measure/histogram.ts";
import { cpuSeconds } from "../measure/process-usage.ts";
import { summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import { Child } from "../process/child.ts";
import type { PublishServerMethods } from "../targets/publish-process.ts";
import { readersOf, sharedChannel } from "../targets/publish-target.ts";
import { type ServedNode, secrets, serveNode } from "../targets/served-node.ts";
import { type OnProgress, rotated, type WorkloadReport } from "./workload.ts";

const readerCount = 50;
const perSecond = 100;
const warmUpSeconds = 3;

/** Places where a publication is read, each with the floor it is compared to: the least that Node can do there. */
const places = {
  "in memory": "floor in memory",
  "the same node": "floor over Redis",
  "another node": "floor over Redis",
  "floor in memory": undefined,
  "floor over Redis": undefined,
} as const;
type Place = keyof typeof places;
const names = Object.keys(places) as Place[];

/** Servers of a round, of which one takes the publications and one has the readers. */
interface Stage extends AsyncDisposable {
  readonly publishTo: number;
  readonly readFrom: number;
  readonly pids: readonly number[];
}

/** Results of one round: publications by HTTP to one server, read by WebSocket from the same or another one. */
interface Round {
  readonly place: Place;
  readonly latency: HistogramData;
  /** Delay of the load generator itself. */
  readonly lateness: HistogramData;
  /** Deliveries that did not arrive, or arrived out of order. */
  readonly lost: number;
  readonly cpu: readonly number[];
}

/**
 * Runs the workload `across-nodes`: publications by HTTP are read by WebSocket on one node in memory, on one of two nodes
 * over one Redis, or on the other; and on servers that do the least.
 */
export async function runAcrossNodes(
  { rounds: count, seconds }: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const rounds: Round[] = [];
  for (let round = 0; round < count; round++) {
    for (const place of rotated(names, round)) {
      onProgress(`across-nodes: round ${round + 1} of ${count}, read on ${place}`);
      rounds.push(await runRound(place, seconds));
    }
  }
  const rows = names.map((place) => rowOf(place, rounds, seconds));
  return {
    workload: "across-nodes",
    what: `${perSecond} publications/s of 136 bytes by HTTP, one a request, each read by ${readerCount} readers by WebSocket: ${readerCount * perSecond} deliveries/s; one node in memory, or two over one Redis; ${count} rounds of ${seconds} s`,
    table: [
      ["read on", "p50 ms", "p99 (min-max)", "max", "x floor", "sent late p99", "lost", "CPU"],
      ...rows.map(({ cells }) => cells),
    ],
    notes: [
      "latency runs from the moment a publication was due until its reader received it; it includes the HTTP request",
      "sent late: the part of it that passed in the load generator, before the request was sent",
      "floor: ws beside node:http, which sends each publication to all readers; over Redis, once a script of one XADD and one PUBLISH brings it back",
    ],
    rows: rows.map(({ cells: _, ...row }) => row),
  };
}

function rowOf(place: Place, rounds: readonly Round[], seconds: number) {
  const own = rounds.filter((round) => round.place === place);
  const floors = rounds.filter((round) => round.place === places[place]);
  const all = merged(own.map(({ latency }) => latency));
  const p99 = summarize(own.map(({ latency }) => p99Ms(latency)));
  const late = merged(own.map(({ lateness }) => lateness)).percentile(99);
  const toFloor =
    floors.length === 0
      ? undefined
      : summarize(
          own.map(({ latency }, at) => p99Ms(latency) / p99Ms(floors[at]?.latency ?? latency)),
        );
  const lost = own.reduce((sum, round) => sum + round.lost, 0);
  const shares = own.map((round) => round.cpu.map((used) => used / seconds));
  const servers = own[0]?.cpu ?? [];
  const cells = [
    place,
    (all.percentile(50) / 1_000).toFixed(1),
    `${p99.median.toFixed(1)} (${p99.min.toFixed(1)}-${p99.max.toFixed(1)})`,
    (all.max / 1_000).toFixed(1),
    toFloor?.median.toFixed(2) ?? "",
    (late / 1_000).toFixed(1),
    String(lost),
    servers.map((_, i) => percent(summarize(shares.map((one) => one[i] ?? 0)).median)).join(", "),
  ];
  const compared = toFloor === undefined ? {} : { toFloor };
  return { place, p99, p50: all.percentile(50), max: all.max, late, ...compared, lost, cells };
}

function merged(parts: readonly HistogramData[]): Histogram {
  const all = new Histogram();
  for (const part of parts) all.merge(part);
  return all;
}

function p99Ms(latency: HistogramData): number {
  return merged([latency]).percentile(99) / 1_000;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

// Child modules have the extension of this module: .ts from source, .js when built.
const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
const serverModule = new URL(`../targets/publish-process${extension}`, import.meta.url);
const loadModule = new URL(`../generator/http-load-process${extension}`, import.meta.url);
const readersModule = new URL(`../generator/generator-process${extension}`, import.meta.url);

async function runRound(place: Place, seconds: number): Promise<Round> {
  await using stage = await setStage(place);
  // Publishing and reading are processes of their own, so that neither waits for the other.
  await using load = new Child<HttpLoadMethods>(loadModule);
  await using readers = new Child<GeneratorMethods>(readersModule);
  const target = place.startsWith("floor") ? "ws-all" : "milepost";
  const plan = readersOf(target, stage.readFrom, sharedChannel);
  await readers.call("connect", { plan, connections: readerCount });
  // With one connection, publications cannot overtake each other on the way to the server.
  const aim = { port: stage.publishTo, apiKey: secrets.apiKey, connections: 1, channels: 1 };
  const pace = (spent: number, firstSeq: number) =>
    load.call(
      "pace",
      { ...aim, rate: perSecond, channel: sharedChannel, seconds: spent, firstSeq },
      spent * 1_000 + 60_000,
    );
  const received = (published: number) =>
    readers.call("waitFor", { delivered: published * readerCount, patienceMs: 2_000 }, 60_000);
  const before = await pace(warmUpSeconds, 0);
  await received(before.published);
  await readers.call("reset", undefined);
  const used = stage.pids.map(cpuSeconds);
  const sent = await pace(seconds, before.published);
  const cpu = stage.pids.map((pid, i) => cpuSeconds(pid) - (used[i] ?? 0));
  const got = await received(sent.published);
  const refusal = before.refusal ?? sent.refusal ?? got.closeReason;
  if (refusal !== undefined) throw new Error(`a server failed in across-nodes: ${refusal}`);
  const absent = Math.max(0, perSecond * seconds * readerCount - got.delivered);
  return {
    place,
    latency: got.latency,
    lateness: sent.lateness ?? new Histogram().toData(),
    lost: got.missing + got.repeated + absent,
    cpu,
  };
}

/** Starts the servers of a place, each in a process of its own; disposing the stage ends them. */
async function setStage(place: Place): Promise<Stage> {
  const started: AsyncDisposable[] = [];
  const clear = async () => {
    await Promise.all(started.map((one) => one[Symbol.asyncDispose]()));
  };
  const keep = <T extends AsyncDisposable>(one: T): T => {
    started.push(one);
    return one;
  };
  try {
    const redis = place.endsWith("memory") ? undefined : keep(await startRedis());
    if (place.startsWith("floor")) {
      const server = keep(new Child<PublishServerMethods>(serverModule));
      const name = redis === undefined ? "ws-all" : "redis-ws-all";
      const port = await server.call("start", { name, redisUrl: redis?.url ?? "" });
      return stageOf(port, port, [server.pid], clear);
    }
    const settings = redis === undefined ? {} : { MILEPOST_REDIS_URL: redis.url };
    const written = keep(await serveNode(settings));
    const publishTo = portOf(written);
    if (redis === undefined) return stageOf(publishTo, publishTo, [written.pid], clear);
    const other = keep(await serveNode(settings));
    const readFrom = place === "another node" ? portOf(other) : publishTo;
    return stageOf(publishTo, readFrom, [written.pid, other.pid], clear);
  } catch (error) {
    await clear();
    throw error;
  }
}

function stageOf(
  publishTo: number,
  readFrom: number,
  pids: readonly number[],
  clear: () => Promise<void>,
): Stage {
  return { publishTo, readFrom, pids, [Symbol.asyncDispose]: clear };
}

function portOf({ url }: ServedNode): number {
  return Number(new URL(url).port);
}

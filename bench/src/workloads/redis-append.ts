import { randomBytes } from "node:crypto";
import { connectRedis, redisEngine } from "@milepost/redis";
import { startRedis } from "@milepost/redis/testing";
import { cpuSeconds } from "../measure/process-usage.ts";
import { summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import { makePayload } from "../payload.ts";
import type { OnProgress, WorkloadReport } from "./workload.ts";

const channels = 100;
const inFlight = 400;
const policy = { maxEntries: 1_000, maxAgeMs: 3_600_000, dedupeMs: 600_000 };

/** Kinds of appended entries that are compared. */
const kinds = ["without a key", "with a key"] as const;
type Kind = (typeof kinds)[number];

interface Round {
  readonly perSecond: number;
  /** Microseconds of the node's CPU per append; `redisUs` is that of Redis. */
  readonly nodeUs: number;
  readonly redisUs: number;
}

/**
 * Runs the workload `redis-append`: one node appends to one Redis with many appends in flight. History is kept;
 * there are no projections.
 */
export async function runRedisAppend(
  { rounds: count, seconds }: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const rounds = new Map<Kind, Round[]>(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < count; round++) {
    for (const kind of kinds) {
      onProgress(`redis-append: round ${round + 1} of ${count}, ${kind}`);
      rounds.get(kind)?.push(await runRound(kind, seconds));
    }
  }
  const rows = kinds.map((kind) => {
    const own = rounds.get(kind) ?? [];
    const of = (value: (round: Round) => number) => summarize(own.map(value));
    const [perSecond, nodeUs, redisUs] = [
      of((round) => round.perSecond),
      of((round) => round.nodeUs),
      of((round) => round.redisUs),
    ];
    return { kind, perSecond, nodeUs, redisUs };
  });
  return {
    workload: "redis-append",
    what: `1 node, 1 Redis; ${inFlight} appends in flight to ${channels} channels that keep 1,000 entries, 136 bytes each; ${count} rounds of ${seconds} s`,
    table: [
      ["append", "a second (min-max)", "node us", "Redis us"],
      ...rows.map(({ kind, perSecond, nodeUs, redisUs }) => [
        kind,
        `${Math.round(perSecond.median)} (${Math.round(perSecond.min)}-${Math.round(perSecond.max)})`,
        nodeUs.median.toFixed(1),
        redisUs.median.toFixed(1),
      ]),
    ],
    notes: [],
    rows,
  };
}

async function runRound(kind: Kind, seconds: number): Promise<Round> {
  await using server = await startRedis();
  const link = await connectRedis({ url: server.url });
  const clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after: () => () => {},
    soon: () => () => {},
  };
  const random = {
    fraction: () => Math.random(),
    id: (length: number) => randomBytes(length).toString("base64url").slice(0, length),
  };
  const { log } = redisEngine(link)({ clock, random });
  let appended = 0;
  let isOver = false;
  const line = async () => {
    while (!isOver) {
      const n = appended++;
      const entry = { event: "tick", json: JSON.stringify(makePayload(n, n)), publisher: "bench" };
      const keyed = kind === "with a key" ? { ...entry, key: `key-${n}` } : entry;
      await log.append(`bench:${n % channels}`, keyed, policy);
    }
  };
  const pid = server.process.pid ?? 0;
  const lines = Array.from({ length: inFlight }, line);
  // The first second fills the logs and does not count.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const [from, began] = [appended, performance.now()];
  const [node, redis] = [cpuSeconds(process.pid), cpuSeconds(pid)];
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const count = appended - from;
  const took = (performance.now() - began) / 1_000;
  const nodeUs = ((cpuSeconds(process.pid) - node) * 1_000_000) / count;
  const redisUs = ((cpuSeconds(pid) - redis) * 1_000_000) / count;
  isOver = true;
  await Promise.all(lines);
  await link.close();
  return { perSecond: count / took, nodeUs, redisUs };
}

import { join } from "node:path";
import { startRedis } from "@milepost/redis/testing";
import { monotonicUs } from "../measure/monotonic.ts";
import { cpuSeconds } from "../measure/process-usage.ts";
import { describeProfile, lineOf } from "../measure/profile.ts";
import { summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import { pin } from "../process/pin.ts";
import { type PublishTargetName, publishTargets } from "../targets/publish-target.ts";
import { secrets } from "../targets/served-node.ts";
import { setPublishStage } from "./publish-stage.ts";
import { type OnProgress, rotated, type WorkloadReport } from "./workload.ts";

const connections = 64;
const warmUpSeconds = 2;
/** Publications before those that count, so that code is compiled also on a busy machine. */
const warmUpCount = 20_000;

/** Loads that are compared, each with the bare server that does the least for it. */
const kinds = [
  { target: "floor", floor: "floor", items: 1 },
  { target: "milepost", floor: "floor", items: 1 },
  { target: "floor", floor: "floor", items: 50 },
  { target: "milepost", floor: "floor", items: 50 },
  { target: "redis-floor", floor: "redis-floor", items: 1 },
  { target: "milepost-redis", floor: "redis-floor", items: 1 },
  { target: "redis-floor", floor: "redis-floor", items: 50 },
  { target: "milepost-redis", floor: "redis-floor", items: 50 },
] as const satisfies readonly {
  readonly target: PublishTargetName;
  readonly floor: PublishTargetName;
  readonly items: number;
}[];
type Kind = (typeof kinds)[number];

interface Round {
  readonly perSecond: number;
  /** Microseconds of the server's CPU per publication; `redisUs` is that of Redis, 0 without one. */
  readonly serverUs: number;
  readonly redisUs: number;
  readonly loadCpu: number;
  readonly notes: readonly string[];
}

/** Runs the workload `publish`: publications by HTTP, one and fifty a request, in memory and over Redis. */
export async function runPublish(
  { rounds: count, seconds, profile }: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  const rounds = new Map<Kind, Round[]>(kinds.map((kind) => [kind, []]));
  for (let round = 0; round < count; round++) {
    for (const kind of rotated(kinds, round)) {
      onProgress(
        `publish: round ${round + 1} of ${count}, ${kind.target}, ${kind.items} a request`,
      );
      rounds.get(kind)?.push(await runRound(kind, seconds, profile));
    }
  }
  const of = (kind: Kind) => rounds.get(kind) ?? [];
  const rows = kinds.map((kind) => {
    const own = of(kind);
    const floors = of(
      kinds.find(({ target, items }) => target === kind.floor && items === kind.items) ?? kind,
    );
    return {
      ...kind,
      perSecond: summarize(own.map(({ perSecond }) => perSecond)),
      serverUs: summarize(own.map(({ serverUs }) => serverUs)),
      redisUs: summarize(own.map(({ redisUs }) => redisUs)),
      toFloor: summarize(
        own.map(({ serverUs }, at) => serverUs / (floors[at]?.serverUs ?? Number.NaN)),
      ),
      redisToFloor: summarize(
        own.map(({ redisUs }, at) => redisUs / (floors[at]?.redisUs || Number.NaN)),
      ),
      loadCpu: summarize(own.map(({ loadCpu }) => loadCpu)),
      rounds: own,
    };
  });
  const ratio = ({ median, min, max }: { median: number; min: number; max: number }) =>
    Number.isNaN(median) ? "" : `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
  return {
    workload: "publish",
    what: `publications of 136 bytes by HTTP/1.1 over ${connections} connections, to 100 channels, one and 50 (NDJSON) a request; ${count} rounds of ${seconds} s`,
    table: [
      [
        "",
        "a request",
        "a second",
        "server us",
        "x floor (min-max)",
        "Redis us",
        "x floor",
        "load CPU",
      ],
      ...rows.map((row) => [
        publishTargets[row.target],
        String(row.items),
        row.perSecond.median.toFixed(0),
        row.serverUs.median.toFixed(1),
        ratio(row.toFloor),
        row.redisUs.median === 0 ? "" : row.redisUs.median.toFixed(1),
        ratio(row.redisToFloor),
        row.loadCpu.median.toFixed(2),
      ]),
    ],
    notes: [
      "us: microseconds of CPU, user and system, per publication; ratios are made within a round",
      ...rows.flatMap(({ rounds }) => rounds.flatMap(({ notes }) => notes)),
    ],
    rows,
  };
}

async function runRound(
  { target, items }: Kind,
  seconds: number,
  profile: string | undefined,
): Promise<Round> {
  const isOverRedis = target.includes("redis");
  await using redis = isOverRedis ? await startRedis() : undefined;
  const redisPid = redis?.process.pid;
  if (redisPid !== undefined) pin(redisPid, 1);
  await using stage = await setPublishStage(target, redis?.url);
  const { server, load, port } = stage;
  const aim = { port, apiKey: secrets.apiKey, connections, items };
  for (let warm = 0; warm < warmUpCount; ) {
    const { published } = await load.call("saturate", { ...aim, seconds: warmUpSeconds }, 60_000);
    if (published === 0) break;
    warm += published;
  }
  if (profile !== undefined) await server.call("startProfile", undefined);
  const usage = () => ({
    at: monotonicUs(),
    server: cpuSeconds(server.pid),
    load: cpuSeconds(load.pid),
    redis: redisPid === undefined ? 0 : cpuSeconds(redisPid),
  });
  const before = usage();
  const report = await load.call("saturate", { ...aim, seconds }, seconds * 1_000 + 60_000);
  const after = usage();
  const took = (after.at - before.at) / 1e6;
  const path = join(profile ?? "", `publish-${target}-${items}.cpuprofile`);
  const spots =
    profile === undefined ? [] : describeProfile(await server.call("saveProfile", { path }));
  return {
    perSecond: report.published / took,
    serverUs: ((after.server - before.server) * 1e6) / report.published,
    redisUs: ((after.redis - before.redis) * 1e6) / report.published,
    loadCpu: (after.load - before.load) / took,
    notes: [
      ...(report.refusal === undefined ? [] : [`${target}: ${report.refusal}`]),
      ...spots.map((spot) => lineOf(`${target} ${items}:`, spot)),
    ],
  };
}

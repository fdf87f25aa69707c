import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { cpuSeconds } from "../measure/process-usage.ts";
import { describeProfile, lineOf } from "../measure/profile.ts";
import { summarize } from "../measure/summary.ts";
import type { Options } from "../options.ts";
import { publishTargets, readersOf } from "../targets/publish-target.ts";
import { setPublishStage } from "./publish-stage.ts";
import { type OnProgress, rotated, type WorkloadReport } from "./workload.ts";

const targets = ["ws", "milepost"] as const;
type Target = (typeof targets)[number];

interface Round {
  readonly serverUs: number;
  readonly perSecond: number;
  /** Functions with the most self time, if the run writes profiles. */
  readonly hotSpots?: readonly string[];
}

/** Connections that are opened first, so that code is compiled; they do not count. */
const firstConnections = 1_500;

/** Runs the workload `connect`: connections with a verified token and one subscription each. */
export async function runConnect(
  { rounds: count, connections, profile }: Options,
  onProgress: OnProgress,
): Promise<WorkloadReport> {
  if (profile !== undefined) mkdirSync(profile, { recursive: true });
  const rounds = new Map<Target, Round[]>(targets.map((target) => [target, []]));
  for (let round = 0; round < count; round++) {
    for (const target of rotated(targets, round)) {
      onProgress(`connect: round ${round + 1} of ${count}, ${target}`);
      rounds.get(target)?.push(await runRound(target, connections, profile));
    }
  }
  const floors = rounds.get("ws") ?? [];
  const rows = targets.map((target) => {
    const own = rounds.get(target) ?? [];
    return {
      target,
      serverUs: summarize(own.map(({ serverUs }) => serverUs)),
      perSecond: summarize(own.map(({ perSecond }) => perSecond)),
      toWs: summarize(own.map(({ serverUs }, at) => serverUs / (floors[at]?.serverUs ?? 1))),
      rounds: own,
    };
  });
  return {
    workload: "connect",
    what: `${connections} connections after the first ${firstConnections}, each with an HS256 token and one channel of its own, 100 at a time; ${count} rounds`,
    table: [
      ["", "CPU us a connection", "x ws (min-max)", "a second"],
      ...rows.map(({ target, serverUs, toWs, perSecond }) => [
        publishTargets[target],
        serverUs.median.toFixed(0),
        `${toWs.median.toFixed(2)} (${toWs.min.toFixed(2)}-${toWs.max.toFixed(2)})`,
        perSecond.median.toFixed(0),
      ]),
    ],
    notes: rows.flatMap(({ rounds }) => rounds.at(-1)?.hotSpots ?? []),
    rows,
  };
}

async function runRound(
  target: Target,
  connections: number,
  profile: string | undefined,
): Promise<Round> {
  await using stage = await setPublishStage(target);
  const { server, readers, port } = stage;
  const plan = readersOf(target, port);
  await readers.call("connect", { plan, connections: firstConnections }, 60_000);
  if (profile !== undefined) await server.call("startProfile", undefined);
  const [cpu, began] = [cpuSeconds(server.pid), performance.now()];
  await readers.call("connect", { plan, connections }, 300_000);
  const seconds = (performance.now() - began) / 1_000;
  const serverUs = ((cpuSeconds(server.pid) - cpu) * 1e6) / connections;
  const path = join(profile ?? "", `connect-${target}.cpuprofile`);
  const spots =
    profile === undefined ? undefined : describeProfile(await server.call("saveProfile", { path }));
  return {
    serverUs,
    perSecond: connections / seconds,
    ...(spots !== undefined && { hotSpots: spots.map((spot) => lineOf(target, spot)) }),
  };
}

import { parseArgs } from "node:util";
import { type AttackName, attackNames } from "./hostile/attacks.ts";
import {
  catalog,
  isTargetName,
  namedTargets,
  pacedTargets,
  type TargetName,
} from "./targets/catalog.ts";

export const workloadNames = [
  "fanout",
  "burst",
  "memory",
  "never-reading",
  "comeback",
  "across-nodes",
  "redis-append",
  "ten-nodes",
  "reconnect",
  "hostile",
  "producer",
  "publish",
  "connect",
  "unicast",
  "wire",
  "deployment",
  "metrics-cost",
  "browser",
] as const;
export type WorkloadName = (typeof workloadNames)[number];

/** Workloads of a run that names none. The other workloads take too long to run unasked. */
const byDefault: readonly WorkloadName[] = ["fanout", "burst", "memory"];

/** Options of the command line. */
export interface Options {
  readonly workloads: readonly WorkloadName[];
  /** Targets to measure; undefined: each workload's own choice. */
  readonly targets: readonly TargetName[] | undefined;
  readonly rounds: number;
  readonly seconds: number;
  readonly subscribers: number;
  /**
   * Publications a second in `fanout` and `ten-nodes`, ticks a second in `never-reading`; undefined: each
   * workload's own default.
   */
  readonly rate: number | undefined;
  /** Bursts a second in the workload `burst`. */
  readonly bursts: number;
  /** Connections in the workloads `memory`, `comeback`, `ten-nodes` and `connect`. */
  readonly connections: number;
  /** Connections in the workload `deployment`. */
  readonly deployed: number;
  /** Connections that never read, in the workload `never-reading`. */
  readonly deaf: number;
  /** Attacks of the workload `hostile`; undefined: all of them. */
  readonly attacks: readonly AttackName[] | undefined;
  readonly json: boolean;
  /**
   * Folder for CPU profiles of the servers. Profiling slows the servers down, so figures of such a run do not
   * count.
   */
  readonly profile: string | undefined;
}

export const usage = `npm run bench -- [workload ...] [options]
npm run bench -- figures [run,run] [options]   make the runs of docs/performance.md, or those named, and keep their figures
npm run bench -- table [--write]               print the tables of the kept figures, or write them into that page

workloads: ${workloadNames.join(", ")} (default: ${byDefault.join(", ")})
  --targets a,b      targets to measure, from ${Object.keys(catalog).join(", ")}
  --rounds N         rounds of every target, interleaved (default 5; memory runs at most 3)
  --seconds N        measured seconds of a round (default 5)
  --subscribers N    subscribers of the channel (default 1000, at most 19000)
  --rate N           fanout: publications a second (default 50); never-reading: ticks a second (default 50);
                     ten-nodes: publications a second (default 10)
  --bursts N         burst: bursts of 50 publications a second (default 10)
  --deaf N           never-reading: connections that never read (default 500)
  --connections N    memory, connect: connections; comeback, ten-nodes: readers (default 10000, at most 18000)
  --deployed N       deployment: connections (default 48000, at most 60000)
  --attacks a,b      hostile: attacks to run, from ${attackNames.join(", ")} (default: all)
  --profile DIR      also write CPU profiles of the servers to DIR; figures of such a run do not count
  --json             print the report as JSON to standard output`;

/** Reads the command line; throws an error that says what is wrong with it. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      targets: { type: "string" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "5" },
      subscribers: { type: "string", default: "1000" },
      rate: { type: "string" },
      bursts: { type: "string", default: "10" },
      deaf: { type: "string", default: "500" },
      connections: { type: "string", default: "10000" },
      deployed: { type: "string", default: "48000" },
      attacks: { type: "string" },
      profile: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const workloads = positionals.length === 0 ? byDefault : positionals.map(readWorkload);
  const targets = values.targets?.split(",").map(readTarget);
  const silent = targets?.find(
    (name) => ![...pacedTargets, ...namedTargets].some((paced) => paced === name),
  );
  if (silent !== undefined && workloads.some((name) => name !== "memory")) {
    throw new Error(
      `target ${silent} runs in the workload memory only; leave the target out, or choose no other workload`,
    );
  }
  return {
    workloads,
    targets,
    rounds: readNumber("rounds", values.rounds, 1, 100),
    seconds: readNumber("seconds", values.seconds, 1, 600),
    subscribers: readNumber("subscribers", values.subscribers, 1, 19_000),
    rate: values.rate === undefined ? undefined : readNumber("rate", values.rate, 1, 500),
    bursts: readNumber("bursts", values.bursts, 1, 100),
    deaf: readNumber("deaf", values.deaf, 1, 5_000),
    connections: readNumber("connections", values.connections, 100, 18_000),
    deployed: readNumber("deployed", values.deployed, 100, 60_000),
    attacks: values.attacks?.split(",").map(readAttack),
    json: values.json,
    profile: values.profile,
  };
}

function readWorkload(name: string): WorkloadName {
  const workload = workloadNames.find((known) => known === name);
  if (workload === undefined)
    throw new Error(`no workload "${name}"; choose from ${workloadNames.join(", ")}`);
  return workload;
}

function readTarget(name: string): TargetName {
  if (!isTargetName(name))
    throw new Error(`no target "${name}"; choose from ${Object.keys(catalog).join(", ")}`);
  return name;
}

function readAttack(name: string): AttackName {
  const attack = attackNames.find((known) => known === name);
  if (attack === undefined)
    throw new Error(`no attack "${name}"; choose from ${attackNames.join(", ")}`);
  return attack;
}

function readNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`--${option} must be a whole number from ${min} to ${max}, not "${text}"`);
  }
  return value;
}

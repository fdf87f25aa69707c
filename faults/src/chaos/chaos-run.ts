import { setTimeout as pause } from "node:timers/promises";
import { check, type JournalRecord, type Violation } from "@milepost/checker";
import type { Beginning } from "@milepost/checker/recording";
import type { LoadReport } from "@milepost/load";
import { createTokens } from "@milepost/server";
import { leftovers } from "../baseline.ts";
import { channels, grant, retention } from "../channels.ts";
import { allAtHead, allHandled, reloadAgainAndAgain } from "../population/arriving.ts";
import { Publisher } from "../population/publisher.ts";
import { Reader } from "../population/reader.ts";
import { Worker } from "../population/worker.ts";
import { secrets } from "../processes/gateway.ts";
import { Random } from "../random.ts";
import { readLog } from "../read-log.ts";
import { withStoreHistory } from "../store-history.ts";
import { BackgroundLoad } from "./background-load.ts";
import type { ChaosFault, Part } from "./chaos-fault.ts";
import { Deployment } from "./deployment.ts";
import { isAtLeast, WatchedJournal } from "./watched-journal.ts";

const readerCount = 9;
const publisherCount = 3;
const publishEveryMs = 60;
const calmMs = 3_000;
/** Time after a fault within which publishes must be acknowledged and received again, in milliseconds. */
const headWithinMs = 30_000;
const workedOn = "log:a";
const beginnings: readonly Beginning[] = ["start", "now", "state"];
const sampleEveryMs = 1_000;

/** Options of a run. */
export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly faults: readonly ChaosFault[];
  /** Connections and publications a second of the load tool beside the faults; 0 connections: none. */
  readonly loadConnections: number;
  readonly loadRate: number;
  /** Bug to put into the gateways on purpose, which the run must then find. */
  readonly mutant?: string;
  onProgress(line: string): void;
}

/** Fault that happened, with what followed. Times are in milliseconds since the start of the run. */
export interface Happened {
  readonly fault: string;
  readonly did: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /**
   * Time from its end until, in every channel, a further publish was acknowledged and every reader had everything up to
   * it; undefined when that took too long.
   */
  readonly recoveredMs: number | undefined;
}

/** Second of the run. */
export interface Sample {
  readonly at: number;
  readonly stored: number;
  readonly refused: number;
  readonly deliveries: number;
}

/** Verdict of a run. */
export interface ChaosVerdict {
  readonly seed: number;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly happened: readonly Happened[];
  readonly samples: readonly Sample[];
  readonly impossible: readonly { readonly fault: string; readonly reason: string }[];
  readonly violations: readonly Violation[];
  readonly stored: number;
  readonly refused: number;
  readonly deliveries: number;
  readonly gaps: number;
  readonly resets: number;
  readonly load: readonly LoadReport[];
  readonly loadFailures: readonly string[];
  readonly records: readonly JournalRecord[];
}

/**
 * Injects faults one after the other, at times two at once, into a whole deployment, while clients publish and read and
 * the load tool runs. Resolves with what the checker says about everything that was observed.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosVerdict> {
  const deployment = await Deployment.start(options.mutant);
  try {
    return await runIn(deployment, options);
  } finally {
    await deployment.close();
  }
}

async function runIn(deployment: Deployment, options: ChaosOptions): Promise<ChaosVerdict> {
  const { minutes, seed, onProgress } = options;
  const startedAt = new Date().toISOString();
  const journal = begin(seed);
  const begun = journal.now;
  const violations: Violation[] = [];
  const accuse = (id: string, says: string) => {
    violations.push({ id, says, t: journal.now, line: journal.records.length });
    onProgress(`VIOLATION ${id}: ${says}`);
  };
  const tokens = createTokens(secrets.tokenSecret, Date);
  const socket = `${deployment.url.replace("http", "ws")}/ws`;
  const tokenOf = (user: string) => () => tokens.mint({ user, channels: grant });
  const readers = Array.from({ length: readerCount }, (_, i) => {
    const begin = [...beginnings.slice(i % 3), ...beginnings.slice(0, i % 3)];
    const access = { url: socket, token: tokenOf(`reader-${i}`) };
    return new Reader(`reader-${i}`, access, journal, begin);
  });
  const publishers = Array.from(
    { length: publisherCount },
    (_, i) => new Publisher(`publisher-${i}`, deployment.url, journal, publishEveryMs),
  );
  const worker = new Worker(workedOn, { url: socket, token: tokenOf("worker") }, journal);
  const reloading = new AbortController();
  const reloads = reloadAgainAndAgain(readers.slice(0, 2), reloading.signal);
  const load = new BackgroundLoad(deployment.url, options.loadConnections, options.loadRate);
  const samples: Sample[] = [];
  const sampling = setInterval(() => {
    const { stored, refused, deliveries } = journal;
    samples.push({ at: journal.now - begun, stored, refused, deliveries });
  }, sampleEveryMs);

  const { possible, impossible } = sort(options.faults, deployment);
  for (const { fault, reason } of impossible) onProgress(`left out: ${fault}, which ${reason}`);
  const happened: Happened[] = [];
  const scene = { deployment, journal, readers, accuse, begun, ...options };
  try {
    await injectAll(scene, possible, begun + minutes * 60_000, happened);
  } catch (error) {
    if (!(error instanceof BeyondRepair)) throw error;
    accuse("run", `a program could not be started again, and the run ended: ${error.message}`);
    clearInterval(sampling);
    const { stored, refused, deliveries, gaps, resets, records } = journal;
    return {
      ...{ seed, startedAt, durationMs: journal.now - begun, happened, samples, impossible },
      ...{ violations, stored, refused, deliveries, gaps, resets },
      ...{ load: load.reports, loadFailures: load.failures, records },
    };
  }

  await pause(calmMs);
  clearInterval(sampling);
  reloading.abort();
  await reloads;
  await load.end();
  await Promise.all(publishers.map((publisher) => publisher.stop()));
  onProgress("reading the logs and judging");
  const logs = await Promise.all(channels.map(({ name }) => readLog(deployment.url, name)));
  journal.add({ type: "healed", within_ms: 0 });
  const deadline = journal.now + headWithinMs;
  if ((await allAtHead(readers, logs, deadline, journal)) === undefined) {
    accuse("G4", "some readers never reached the head at the end");
  }
  for (const says of await allHandled(worker, logs, deadline, journal)) accuse("G11", says);
  await worker.close();
  for (const log of logs) journal.add({ type: "dump", ...log });
  for (const reader of readers) await reader.close();
  journal.add({ type: "end" });
  deployment.edge.cut();
  await deployment.balancer.kill();
  for (const says of await leftovers(deployment)) accuse("baseline", says);
  for (const { delivery } of load.reports) {
    if (delivery.missing > 0) {
      accuse("G4", `connected readers of the load tool missed ${delivery.missing} deliveries`);
    }
    if (delivery.repeated > 0) {
      accuse("G3", `readers of the load tool had ${delivery.repeated} deliveries twice or late`);
    }
  }
  const records = withStoreHistory(journal.records, logs, undefined);
  const { stored, refused, deliveries, gaps, resets } = journal;
  return {
    ...{ seed, startedAt, durationMs: journal.now - begun, happened, samples, impossible },
    violations: [...violations, ...check(records)],
    ...{ stored, refused, deliveries, gaps, resets },
    ...{ load: load.reports, loadFailures: load.failures, records },
  };
}

function begin(seed: number): WatchedJournal {
  const journal = new WatchedJournal();
  const limits = { max_replay_entries: 10_000, max_outbox_bytes: 2 ** 20, dedupe_ms: 600_000 };
  journal.add({ type: "begin", version: 1, seed, limits });
  for (const { name: channel, projection } of channels) {
    const { maxEntries: max_entries, maxAgeMs: max_age_ms } = retention;
    const written_by = "publishers";
    journal.add({ type: "channel", channel, max_entries, max_age_ms, projection, written_by });
  }
  return journal;
}

function sort(faults: readonly ChaosFault[], deployment: Deployment) {
  const possible: ChaosFault[] = [];
  const impossible: { fault: string; reason: string }[] = [];
  for (const fault of faults) {
    const reason = fault.impossible?.(deployment);
    if (reason === undefined) possible.push(fault);
    else impossible.push({ fault: fault.name, reason });
  }
  return { possible, impossible };
}

interface Scene extends ChaosOptions {
  readonly deployment: Deployment;
  readonly journal: WatchedJournal;
  readonly readers: readonly Reader[];
  readonly begun: number;
  accuse(id: string, says: string): void;
}

async function injectAll(
  scene: Scene,
  faults: readonly ChaosFault[],
  until: number,
  happened: Happened[],
): Promise<void> {
  const { journal } = scene;
  const random = new Random(scene.seed);
  const plan = new FaultPlan(faults, random);
  await pause(calmMs);
  while (journal.now < until) {
    happened.push(...(await injectNext(scene, plan.next(), random)));
    await pause(random.between(500, 5_000));
  }
}

/** Injects faults at the same time, heals everything, and waits until every reader has what was acknowledged since. */
async function injectNext(
  { deployment, journal, readers, begun, accuse, onProgress }: Scene,
  faults: readonly ChaosFault[],
  random: Random,
): Promise<readonly Happened[]> {
  journal.add({ type: "fault", fault: "store_refuses", phase: "start" });
  const runs = faults.map((fault) => ({ fault, random: random.fork() }));
  const done = await Promise.all(
    runs.map(async ({ fault, random }) => {
      const startedAt = journal.now - begun;
      let did: string;
      try {
        did = await fault.run(deployment, random);
      } catch (error) {
        did = `failed: ${error instanceof Error ? error.message : String(error)}`;
        accuse("run", `${fault.name} ${did}`);
      }
      return { fault: fault.name, did, startedAt, endedAt: journal.now - begun };
    }),
  );
  try {
    for (const ended of await deployment.heal()) accuse("run", `ended unasked: ${ended}`);
  } catch (error) {
    throw new BeyondRepair(error instanceof Error ? error.message : String(error));
  }
  journal.add({ type: "fault", fault: "store_refuses", phase: "stop" });
  const healedAt = journal.now;
  const before = new Map(journal.acknowledged);
  const areThere = () =>
    channels.every(({ name }) => {
      const position = journal.acknowledged.get(name);
      if (position === undefined || position === before.get(name)) return false;
      return readers.every((reader) => isAtLeast(reader.position(name), position));
    });
  let isThere = areThere();
  while (!isThere && journal.now - healedAt < headWithinMs) {
    await pause(5);
    isThere = areThere();
  }
  const recoveredMs = isThere ? Math.round(journal.now - healedAt) : undefined;
  if (!isThere) {
    const names = faults.map(({ name }) => name).join(" and ");
    accuse(
      "G4",
      `publishing or some readers did not recover within ${headWithinMs} ms of ${names}`,
    );
  }
  const after = recoveredMs === undefined ? "never" : `${recoveredMs} ms`;
  const seconds = ((healedAt - begun) / 1_000).toFixed(0);
  for (const { did } of done) {
    onProgress(`${seconds} s: ${did}; recovered after ${after}`);
  }
  return done.map((one) => ({ ...one, recoveredMs }));
}

/** Error of a program that could not be started again, after which nothing more can be observed. */
class BeyondRepair extends Error {}

/** Order of the faults: all of them in turn, shuffled each time, and one time in four two of different parts at once. */
export class FaultPlan {
  readonly #faults: readonly ChaosFault[];
  readonly #random: Random;
  #coming: ChaosFault[] = [];

  constructor(faults: readonly ChaosFault[], random: Random) {
    this.#faults = faults;
    this.#random = random;
  }

  next(): readonly ChaosFault[] {
    const first = this.#take([]);
    if (first === undefined) return [];
    const second = this.#random.between(1, 4) === 1 ? this.#take([first.part]) : undefined;
    return second === undefined ? [first] : [first, second];
  }

  #take(without: readonly Part[]): ChaosFault | undefined {
    if (this.#coming.length === 0) this.#coming = shuffled(this.#faults, this.#random);
    const at = this.#coming.findIndex(({ part }) => !without.includes(part));
    return at < 0 ? undefined : this.#coming.splice(at, 1)[0];
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const rest = [...items];
  const order: T[] = [];
  while (rest.length > 0) order.push(...rest.splice(random.between(0, rest.length - 1), 1));
  return order;
}

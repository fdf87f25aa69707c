import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Clock, Engine } from "@milepost/engine";
import { removeWithThisProcess } from "@milepost/redis/testing";
import { inspectData, sqliteEngine } from "@milepost/sqlite";
import { mutantOf, requireChanges } from "../mutants/mutants.ts";
import { Child } from "../processes/child.ts";
import { Random } from "../random.ts";
import { type Fact, readFacts } from "./fact.ts";
import { judgeImage } from "./judge-image.ts";
import { type Loss, losses, RecordedDisk } from "./recorded-disk.ts";
import { compileRecorder, type DiskEvent, readRecording } from "./recording.ts";

const load = fileURLToPath(new URL("./load.js", import.meta.url));
const mutation = fileURLToPath(new URL("../mutants/register.js", import.meta.url));
/** Time by which each sync is delayed, so that writes happen beside it, in microseconds. */
const syncUs = 300;
/** Folder for images: they are in memory where that is possible, since nothing of them must last. */
const imagesRoot = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
/** Number of violations after which a run stops. */
const mostViolations = 20;

/** Settings of a run. */
export interface PowerOptions {
  readonly durability: "full" | "normal";
  /** Number of losses of power whose images are opened. */
  readonly images: number;
  readonly seed: number;
  /** Time that each of the two processes is recorded, in milliseconds. */
  readonly recordedMs: number;
  readonly mutant?: string;
}

/** Result of a run. */
export interface PowerVerdict {
  readonly violations: readonly string[];
  readonly images: number;
  /** Number of calls that were recorded, and of syncs among them. */
  readonly calls: number;
  readonly syncs: number;
  /** Number of checkpoints: syncs of the file itself. */
  readonly checkpoints: number;
  readonly facts: number;
  /** Largest number of acknowledged facts that an image of `normal` lacked. */
  readonly longestTail: number;
}

/**
 * Records two processes that use one folder under load, the first of which is killed, and loses the power at moments that
 * the seed chooses. Each image that the syncs allow is opened with the engine and judged.
 */
export async function runPower(options: PowerOptions): Promise<PowerVerdict> {
  const place = await mkdtemp(join(tmpdir(), "milepost-power-"));
  const images = await mkdtemp(join(imagesRoot, "milepost-images-"));
  const forget = [place, images].map((folder) => removeWithThisProcess(folder));
  try {
    const { events, facts } = await recordLoad(place, options);
    return await judgeAll(images, events, facts, options);
  } finally {
    for (const folder of [place, images]) await rm(folder, { recursive: true, force: true });
    for (const end of forget) end();
  }
}

async function recordLoad(place: string, { durability, seed, recordedMs, mutant }: PowerOptions) {
  const library = join(place, "recorder.so");
  compileRecorder(library);
  const folder = join(place, "data");
  await mkdir(folder, { mode: 0o700 });
  const recording = join(place, "recording");
  const factsPath = join(place, "facts.ndjson");
  await writeFile(factsPath, "");
  const random = new Random(seed);
  const start = async (life: number) => {
    const hooks = mutant === undefined ? [] : ["--import", mutation];
    const child = await Child.start({
      file: process.execPath,
      args: [...hooks, load, folder, factsPath, durability, String(life), String(seed + life)],
      env: {
        LD_PRELOAD: library,
        RECORDED_FOLDER: folder,
        RECORDED_TO: recording,
        RECORDED_SYNC_US: String(syncUs),
        ...(mutant === undefined ? {} : { FAULTS_MUTANT: mutant }),
      },
      ready: /ready/,
    });
    if (mutant !== undefined) requireChanges(mutantOf(mutant), child.printed);
    return child;
  };
  const first = await start(1);
  await pause(recordedMs + random.between(0, 200));
  await first.end("SIGKILL");
  const second = await start(2);
  await pause(recordedMs);
  if ((await second.end("SIGTERM")) !== 0) throw new Error(`the load failed:\n${second.printed}`);
  const events = readRecording(recording);
  await requireComplete(folder, events);
  return { events, facts: readFacts(await readFile(factsPath, "utf8")) };
}

/** Throws unless the recording, followed to its end, gives exactly the files that are there. */
async function requireComplete(folder: string, events: readonly DiskEvent[]): Promise<void> {
  const disk = new RecordedDisk();
  for (const event of events) disk.follow(event);
  for (const name of await readdir(folder)) {
    const path = `/${name}`;
    const recorded = disk.contents.get(path);
    if (!name.endsWith("-shm") && !recorded?.equals(await readFile(join(folder, name)))) {
      throw new Error(`the recording does not have all that was done to ${name}; run it again`);
    }
  }
}

async function judgeAll(
  place: string,
  events: readonly DiskEvent[],
  facts: readonly Fact[],
  { durability, images, seed }: PowerOptions,
): Promise<PowerVerdict> {
  const random = new Random(seed);
  const moments = momentsOf(events, images, random);
  const disk = new RecordedDisk();
  const violations: string[] = [];
  const syncs = new Map<bigint, { readonly at: bigint; readonly file: bigint }>();
  const logs = new Set(
    events.flatMap((event) =>
      event.kind === "opened" && event.path === "/milepost.db-wal" ? [event.file] : [],
    ),
  );
  let surely = 0n;
  let longestTail = 0;
  let judged = 0;
  for (const [i, event] of events.entries()) {
    disk.follow(event);
    if (event.kind === "sync_begun") syncs.set(event.sync, event);
    // A sync of the write-ahead log makes durable all that was acknowledged before it began.
    if (event.kind === "sync_ended" && logs.has(event.file)) {
      surely = syncs.get(event.sync)?.at ?? surely;
    }
    for (let n = moments.get(i) ?? 0; n > 0 && violations.length < mostViolations; n--) {
      const until = events[i + 1]?.at ?? event.at;
      const known = facts.filter(({ at }) => at < until);
      const required = durability === "full" ? known : known.filter(({ at }) => at < surely);
      const loss = losses[judged++ % losses.length] ?? "all";
      const { wrong, tail } = await judgeLoss(place, disk.afterLoss(loss, random), {
        required,
        known,
      });
      longestTail = Math.max(longestTail, tail);
      violations.push(...wrong.slice(0, 3).map((says) => at(i, events.length, loss, says)));
    }
  }
  const ofKind = (kind: DiskEvent["kind"]) => events.filter((event) => event.kind === kind);
  return {
    violations,
    images: judged,
    calls: events.length,
    syncs: ofKind("sync_ended").length,
    checkpoints: checkpointsIn(events),
    facts: facts.length,
    longestTail,
  };
}

function at(index: number, calls: number, loss: Loss, says: string): string {
  return `after call ${index + 1} of ${calls}, ${loss} of what is not synced: ${says}`;
}

/** Chooses after which calls the power is lost: half of them near writes of checkpoints, syncs and changes of names. */
function momentsOf(
  events: readonly DiskEvent[],
  images: number,
  random: Random,
): ReadonlyMap<number, number> {
  const main = fileOfPath(events, "/milepost.db");
  const critical = events.flatMap((event, i) => {
    const isPlain = event.kind === "written" && event.file !== main;
    return isPlain ? [] : [i];
  });
  const moments = new Map<number, number>();
  for (let n = 0; n < images; n++) {
    const isNear = n % 2 === 0 && critical.length > 0;
    const near = isNear ? random.pick(critical) + random.between(-2, 2) : Number.NaN;
    const moment = isNear
      ? Math.min(Math.max(0, near), events.length - 1)
      : random.between(0, events.length - 1);
    moments.set(moment, (moments.get(moment) ?? 0) + 1);
  }
  return moments;
}

function fileOfPath(events: readonly DiskEvent[], path: string): bigint | undefined {
  for (const event of events) if (event.kind === "opened" && event.path === path) return event.file;
  return undefined;
}

function checkpointsIn(events: readonly DiskEvent[]): number {
  const main = fileOfPath(events, "/milepost.db");
  return events.filter((event) => event.kind === "sync_ended" && event.file === main).length;
}

let opened = 0;

async function judgeLoss(
  place: string,
  image: ReadonlyMap<string, Buffer>,
  expected: { readonly required: readonly Fact[]; readonly known: readonly Fact[] },
): Promise<{ readonly wrong: readonly string[]; readonly tail: number }> {
  const folder = join(place, `image-${++opened}`);
  await mkdir(folder, { mode: 0o700 });
  for (const [path, contents] of image) await writeFile(join(folder, path), contents);
  try {
    const engine = open(folder);
    let wrong: readonly string[];
    let tail = 0;
    try {
      wrong = await judgeImage(engine, expected);
      tail = expected.known.length - expected.required.length;
    } finally {
      await engine.close();
    }
    const { faults } = inspectData(folder);
    return { wrong: [...wrong, ...faults.map((fault) => `damaged: ${fault}`)], tail };
  } catch (error) {
    return { wrong: [`cannot be opened or used: ${String(error)}`], tail: 0 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function open(folder: string): Engine {
  const clock: Clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after: () => () => {},
    soon: () => () => {},
  };
  const random = {
    fraction: () => Math.random(),
    id: (length: number) =>
      `image-${++opened}-${Math.random().toString(36).slice(2)}`.slice(-length),
  };
  return sqliteEngine({ folder, durability: "normal" })({ clock, random });
}

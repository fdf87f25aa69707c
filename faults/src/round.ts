import { setTimeout as pause } from "node:timers/promises";
import { check, type JournalRecord, type Violation } from "@milepost/checker";
import type { Beginning } from "@milepost/checker/recording";
import { createTokens } from "@milepost/server";
import { leftovers } from "./baseline.ts";
import { channels, grant, retention } from "./channels.ts";
import type { Fault } from "./fault.ts";
import { Journal } from "./journal.ts";
import { allAtHead, allHandled, reloadAgainAndAgain } from "./population/arriving.ts";
import { Publisher } from "./population/publisher.ts";
import { Reader } from "./population/reader.ts";
import { Worker } from "./population/worker.ts";
import { secrets } from "./processes/gateway.ts";
import { Random } from "./random.ts";
import { readLog } from "./read-log.ts";
import { tailLostFault, withStoreHistory } from "./store-history.ts";
import { World } from "./world.ts";

const readerCount = 9;
const publisherCount = 3;
const publishEveryMs = 15;
const calmMs = 1_000;
/** Time after the fault within which every reader must be at the head, in milliseconds. */
const headWithinMs = 30_000;
/** Channel that the durable subscriber works on. */
const workedOn = "log:a";
const beginnings: readonly Beginning[] = ["start", "now", "state"];

/** Result of one round. */
export interface Verdict {
  readonly fault: string;
  readonly seed: number;
  readonly violations: readonly Violation[];
  /**
   * Time from the end of the fault until the last reader was at the head, in milliseconds; undefined when some
   * reader never was.
   */
  readonly toHeadMs: number | undefined;
  readonly stored: number;
  readonly gaps: number;
  readonly resets: number;
  readonly records: readonly JournalRecord[];
}

/** Injects one fault into a new world while clients publish and read, and judges what they received. */
export async function runRound(fault: Fault, seed: number, mutant?: string): Promise<Verdict> {
  const random = new Random(seed);
  const hasSentinels = fault.needsSentinels === true;
  const world = await World.start({ hasSentinels, ...(mutant === undefined ? {} : { mutant }) });
  try {
    return await runIn(world, fault, seed, random);
  } finally {
    await world.close();
  }
}

async function runIn(world: World, fault: Fault, seed: number, random: Random): Promise<Verdict> {
  const journal = new Journal();
  const limits = { max_replay_entries: 10_000, max_outbox_bytes: 2 ** 20, dedupe_ms: 600_000 };
  journal.add({ type: "begin", version: 1, seed, limits });
  for (const { name: channel, projection } of channels) {
    const { maxEntries: max_entries, maxAgeMs: max_age_ms } = retention;
    const written_by = "publishers";
    journal.add({ type: "channel", channel, max_entries, max_age_ms, projection, written_by });
  }
  const tokens = createTokens(secrets.tokenSecret, Date);
  const readers = Array.from({ length: readerCount }, (_, i) => {
    const token = () => tokens.mint({ user: `reader-${i}`, channels: grant });
    const url = `${world.url.replace("http", "ws")}/ws`;
    const begin = [...beginnings.slice(i % 3), ...beginnings.slice(0, i % 3)];
    return new Reader(`reader-${i}`, { url, token }, journal, begin);
  });
  const publishers = Array.from(
    { length: publisherCount },
    (_, i) => new Publisher(`publisher-${i}`, world.url, journal, publishEveryMs),
  );
  const access = {
    url: `${world.url.replace("http", "ws")}/ws`,
    token: () => tokens.mint({ user: "worker", channels: grant }),
  };
  const worker = new Worker(workedOn, access, journal);
  const reloading = new AbortController();
  // A store that loses acks gets them back from the node that holds the durable subscriber, unless another one took it over.
  const isTakenOver = fault.takes === undefined;
  const reloaded = [...readers.slice(0, 2), ...(isTakenOver ? [worker] : [])];
  const reloads = reloadAgainAndAgain(reloaded, reloading.signal);

  await pause(calmMs);
  journal.add({ type: "fault", fault: "store_refuses", phase: "start" });
  const lost = () => journal.add({ type: "fault", fault: tailLostFault, phase: "once" });
  await fault.run(world, random, lost);
  await world.heal();
  journal.add({ type: "fault", fault: "store_refuses", phase: "stop" });
  const healedAt = journal.now;
  await pause(calmMs);
  reloading.abort();
  await reloads;
  await Promise.all(publishers.map((publisher) => publisher.stop()));

  const logs = await Promise.all(channels.map(({ name }) => readLog(world.url, name)));
  journal.add({ type: "healed", within_ms: 0 });
  const atHead = await allAtHead(readers, logs, healedAt + headWithinMs, journal);
  const unhandled = await allHandled(worker, logs, healedAt + headWithinMs, journal);
  const givenUp = fault.takes === undefined ? await lettersOf(world) : [];
  await worker.close();
  for (const log of logs) journal.add({ type: "dump", ...log });
  for (const reader of readers) await reader.close();
  journal.add({ type: "end" });
  const left = await leftovers(world);
  const records = withStoreHistory(journal.records, logs, fault.takes);
  const accuse = (id: string) => (says: string) => ({
    id,
    says,
    t: records.at(-1)?.t ?? 0,
    line: records.length,
  });
  const count = (type: string) => records.filter((record) => record.type === type).length;
  return {
    fault: fault.name,
    seed,
    violations: [
      ...check(records),
      ...[...unhandled, ...givenUp].map(accuse("G11")),
      ...left.map(accuse("baseline")),
    ],
    toHeadMs: atHead === undefined ? undefined : Math.max(0, atHead - healedAt),
    stored: publishers.reduce((sum, { stored }) => sum + stored, 0),
    gaps: count("gap"),
    resets: count("reset"),
    records,
  };
}

/** Returns a message for each dead letter; there should be none, because the worker acknowledges everything. */
async function lettersOf(world: World): Promise<readonly string[]> {
  const response = await fetch(`${world.url}/v1/dead-letters`, {
    headers: { authorization: `Bearer ${secrets.apiKey}` },
  });
  const { letters } = (await response.json()) as {
    readonly letters: readonly { readonly reason: string }[];
  };
  return letters.map((letter) => `dead letter: ${JSON.stringify(letter)}`);
}

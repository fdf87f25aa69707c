import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { check, type JournalRecord, type Violation } from "@milepost/checker";
import type { Beginning } from "@milepost/checker/recording";
import { removeWithThisProcess } from "@milepost/redis/testing";
import { createTokens } from "@milepost/server";
import { channels, grant, retention, rules } from "../channels.ts";
import { Journal } from "../journal.ts";
import { freePort } from "../network/free-port.ts";
import { allAtHead, allHandled, reloadAgainAndAgain } from "../population/arriving.ts";
import { Publisher } from "../population/publisher.ts";
import { Reader } from "../population/reader.ts";
import { Worker } from "../population/worker.ts";
import { Gateway, secrets } from "../processes/gateway.ts";
import { Random } from "../random.ts";
import { readLog } from "../read-log.ts";
import { withStoreHistory } from "../store-history.ts";

const readerCount = 9;
const publisherCount = 6;
const publishEveryMs = 5;
/** Longest time that a gateway runs before it is killed, in milliseconds. */
const longestLifeMs = 1_500;
const headWithinMs = 30_000;
const workedOn = "log:a";
const beginnings: readonly Beginning[] = ["start", "now", "state"];

/** Result of a run. */
export interface KillVerdict {
  readonly violations: readonly Violation[];
  readonly stored: number;
  /** Number of acks of the durable subscriber that were answered. */
  readonly acknowledged: number;
  readonly gaps: number;
  readonly resets: number;
  /** Longest time from a disturbance until the gateway listened or took publishes again, in milliseconds. */
  readonly longestStartMs: number;
  readonly records: readonly JournalRecord[];
}

/**
 * Kills one gateway with its data in a folder so many times, at moments that the seed chooses, while publishers publish,
 * readers resume and a durable subscriber acknowledges. Nothing that was acknowledged may be lost, and no log may lose
 * anything that a reader has seen.
 */
export async function runKills(kills: number, seed: number): Promise<KillVerdict> {
  const folder = await mkdtemp(join(tmpdir(), "milepost-kills-"));
  const forgetFolder = removeWithThisProcess(folder);
  const config = join(folder, "settings.json");
  await writeFile(config, JSON.stringify({ rules }));
  const port = await freePort();
  const start = () => Gateway.startOn(join(folder, "data"), port, config);
  let gateway = await start();
  try {
    return await runDisturbed(`http://127.0.0.1:${port}`, kills, seed, async () => {
      await gateway.kill();
      gateway = await start();
    });
  } finally {
    await gateway.kill();
    await rm(folder, { recursive: true, force: true });
    forgetFolder();
  }
}

/**
 * Disturbs a gateway so many times, at moments that the seed chooses, while publishers publish, readers resume and a durable
 * subscriber acknowledges, and judges what all of them saw. `disturb` resolves once the gateway takes publishes again.
 */
export async function runDisturbed(
  url: string,
  times: number,
  seed: number,
  disturb: () => Promise<void>,
): Promise<KillVerdict> {
  const random = new Random(seed);
  const journal = new Journal();
  const limits = { max_replay_entries: 10_000, max_outbox_bytes: 2 ** 20, dedupe_ms: 600_000 };
  journal.add({ type: "begin", version: 1, seed, limits });
  for (const { name: channel, projection } of channels) {
    const { maxEntries: max_entries, maxAgeMs: max_age_ms } = retention;
    const written_by = "publishers";
    journal.add({ type: "channel", channel, max_entries, max_age_ms, projection, written_by });
  }
  const tokens = createTokens(secrets.tokenSecret, Date);
  const socket = `${url.replace("http", "ws")}/ws`;
  const readers = Array.from({ length: readerCount }, (_, i) => {
    const token = () => tokens.mint({ user: `reader-${i}`, channels: grant });
    const begin = [...beginnings.slice(i % 3), ...beginnings.slice(0, i % 3)];
    return new Reader(`reader-${i}`, { url: socket, token }, journal, begin);
  });
  const publishers = Array.from(
    { length: publisherCount },
    (_, i) => new Publisher(`publisher-${i}`, url, journal, publishEveryMs),
  );
  const token = () => tokens.mint({ user: "worker", channels: grant });
  const worker = new Worker(workedOn, { url: socket, token }, journal);
  const reloading = new AbortController();
  const reloads = reloadAgainAndAgain([...readers.slice(0, 2), worker], reloading.signal);
  let longestStartMs = 0;
  for (let n = 0; n < times; n++) {
    await pause(random.between(0, longestLifeMs));
    journal.add({ type: "fault", fault: "store_refuses", phase: "start" });
    const disturbedAt = journal.now;
    await disturb();
    longestStartMs = Math.max(longestStartMs, journal.now - disturbedAt);
    journal.add({ type: "fault", fault: "store_refuses", phase: "stop" });
  }
  await pause(longestLifeMs);
  reloading.abort();
  await reloads;
  await Promise.all(publishers.map((publisher) => publisher.stop()));

  const logs = await Promise.all(channels.map(({ name }) => readLog(url, name)));
  journal.add({ type: "healed", within_ms: 0 });
  const deadline = journal.now + headWithinMs;
  const atHead = await allAtHead(readers, logs, deadline, journal);
  const unhandled = await allHandled(worker, logs, deadline, journal);
  await worker.close();
  for (const log of logs) journal.add({ type: "dump", ...log });
  for (const reader of readers) await reader.close();
  journal.add({ type: "end" });
  const records = withStoreHistory(journal.records, logs, undefined);
  const accuse = (id: string, says: string) => ({ id, says, t: 0, line: records.length });
  const count = (type: string) => records.filter((record) => record.type === type).length;
  return {
    violations: [
      ...check(records),
      ...unhandled.map((says) => accuse("G11", says)),
      ...(atHead === undefined ? [accuse("G4", "some readers never reached the head")] : []),
    ],
    stored: publishers.reduce((sum, { stored }) => sum + stored, 0),
    acknowledged: worker.saved,
    gaps: count("gap"),
    resets: count("reset"),
    longestStartMs,
    records,
  };
}

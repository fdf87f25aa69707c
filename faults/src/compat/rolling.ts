import { setTimeout as pause } from "node:timers/promises";
import { check } from "@milepost/checker";
import { createTokens } from "@milepost/server";
import { channels, grant, retention } from "../channels.ts";
import { Journal } from "../journal.ts";
import { Relay } from "../network/relay.ts";
import { allAtHead, allHandled, reloadAgainAndAgain } from "../population/arriving.ts";
import { Publisher } from "../population/publisher.ts";
import { Reader } from "../population/reader.ts";
import { Worker } from "../population/worker.ts";
import { secrets } from "../processes/gateway.ts";
import { Redis } from "../processes/redis.ts";
import { readLog } from "../read-log.ts";
import { withStoreHistory } from "../store-history.ts";
import { type Version, VersionNode } from "./version.ts";
import { startWork } from "./work.ts";

const nodeCount = 3;
const readersPerVersion = 6;
const settleWithinMs = 60_000;

/**
 * Upgrades three nodes one after the other under load, and downgrades them again: first by SIGTERM, then one of each by
 * SIGKILL. Readers and producers of both versions work throughout. Returns the number of faults that the checker and the
 * ends of the work show, and says each.
 */
export async function roll(
  older: Version,
  newer: Version,
  config: string,
  say: (line: string) => void,
): Promise<number> {
  const redis = await Redis.start();
  const redisUrl = `redis://127.0.0.1:${redis.port}`;
  const nodes: VersionNode[] = [];
  for (let i = 0; i < nodeCount; i++) nodes.push(await VersionNode.start(older, redisUrl, config));
  const ports = () => nodes.filter(({ hasEnded }) => !hasEnded).map(({ port }) => port);
  const balancer = await Relay.start(ports);
  const url = `http://127.0.0.1:${balancer.port}`;

  const journal = new Journal();
  const limits = { max_replay_entries: 10_000, max_outbox_bytes: 2 ** 20, dedupe_ms: 600_000 };
  journal.add({ type: "begin", version: 1, seed: 1, limits });
  for (const { name: channel, projection } of channels) {
    const { maxEntries: max_entries, maxAgeMs: max_age_ms } = retention;
    const written_by = "publishers";
    journal.add({ type: "channel", channel, max_entries, max_age_ms, projection, written_by });
  }
  const tokens = createTokens(secrets.tokenSecret, Date);
  const socketUrl = `${url.replace("http", "ws")}/ws`;
  const versions = [older, newer];
  const readers = versions.flatMap(({ client: { createClient }, msgpack }, v) =>
    Array.from({ length: readersPerVersion }, (_, i) => {
      const token = () => tokens.mint({ user: `reader-${v}-${i}`, channels: grant });
      const begin = (["start", "now", "state"] as const)[i % 3] ?? "start";
      // One of each version reads msgpack, and one polls; an event stream would need a balancer that knows it again.
      const options = {
        ...(i === 3 && { codec: msgpack }),
        ...(i === 5 && { transports: ["poll"] as const }),
      };
      const access = { url: socketUrl, token, createClient, options };
      return new Reader(`reader-${v}-${i}`, access, journal, [begin]);
    }),
  );
  const publishers = [0, 1, 2].map((i) => new Publisher(`publisher-${i}`, url, journal, 15));
  const token = () => tokens.mint({ user: "worker", channels: grant });
  const worker = new Worker("log:a", { url: socketUrl, token }, journal);
  const work = versions.map((version, v) => startWork(version, url, `v${v}`));
  const reloading = new AbortController();
  const reloads = reloadAgainAndAgain(
    readers.filter((_, i) => i % readersPerVersion === 0),
    reloading.signal,
  );

  await pause(2_000);
  for (const how of ["stop", "kill"] as const) {
    for (const version of [newer, older]) {
      const replaced = how === "stop" ? nodes.keys() : [0];
      for (const i of [...replaced]) {
        const node = nodes[i];
        if (node === undefined) continue;
        const code = await node[how]();
        if (how === "stop" && code !== 0) say(`FAIL  ${node.version.name} stopped with ${code}`);
        nodes[i] = await VersionNode.start(version, redisUrl, config, node.port);
        say(
          `      ${how === "stop" ? "replaced" : "killed"} ${node.version.name} by ${version.name}`,
        );
        await pause(1_500);
      }
    }
  }

  const settledBy = journal.now + settleWithinMs;
  reloading.abort();
  await reloads;
  await Promise.all(publishers.map((publisher) => publisher.stop()));
  const ends = await Promise.all(work.map((one) => one.end()));
  const logs = await Promise.all(channels.map(({ name }) => readLog(url, name)));
  journal.add({ type: "healed", within_ms: 0 });
  const atHead = await allAtHead(readers, logs, settledBy, journal);
  const unhandled = await allHandled(worker, logs, settledBy, journal);
  await worker.close();
  for (const log of logs) journal.add({ type: "dump", ...log });
  for (const reader of readers) await reader.close();
  journal.add({ type: "end" });
  const count = (type: string) => journal.records.filter((record) => record.type === type).length;
  const faults = [
    ...check(withStoreHistory(journal.records, logs, undefined)).map(
      ({ id, says, line }) => `${id}, line ${line}: ${says}`,
    ),
    ...(atHead === undefined ? ["a reader never reached the head"] : []),
    ...unhandled,
    ...(count("gap") > 0 ? [`${count("gap")} gaps`] : []),
    ...(count("reset") > 0 ? [`${count("reset")} resets`] : []),
    ...ends.flatMap(({ faults }) => faults),
  ];
  const stored = publishers.reduce((sum, publisher) => sum + publisher.stored, 0);
  say(
    `${faults.length === 0 ? "ok   " : "FAIL "} rolling upgrade and downgrade under load: ${stored} entries for ${readers.length} readers, ${ends.map(({ says }) => says).join("; ")}`,
  );
  for (const fault of faults.slice(0, 20)) say(`      ${fault}`);
  for (const { complaints, version } of nodes) {
    for (const line of complaints.slice(0, 5)) say(`log of ${version.name}: ${line}`);
  }
  for (const node of nodes) await node.stop();
  await balancer.close();
  await redis.close();
  return faults.length;
}

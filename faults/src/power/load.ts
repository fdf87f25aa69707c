import { randomBytes } from "node:crypto";
import { openSync, writeSync } from "node:fs";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import type { Clock, Engine } from "@milepost/engine";
import { sqliteEngine } from "@milepost/sqlite";
import { Random } from "../random.ts";
import { type Known, lineOf } from "./fact.ts";
import {
  durableBounds,
  durableChannel,
  durableOwner,
  inboxBounds,
  policies,
  queueName,
  space,
} from "./stored-policies.ts";

const writers = 16;
/** Longest pause of a writer, so that some steps are taken while others are synced, in milliseconds. */
const longestPauseMs = 3;
const largestData = 6_000;
const dayMs = 86_400_000;

const [folder = "", factsPath = "", durability = "full", life = "1", seedText = "1"] =
  process.argv.slice(2);
const random = new Random(Number(seedText));
const facts = openSync(factsPath, "a");
let isEnding = false;
let made = 0;

process.once("SIGTERM", () => {
  isEnding = true;
});

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  soon: (callback) => {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};
const engine = sqliteEngine({ folder, durability: durability === "normal" ? "normal" : "full" })({
  clock,
  random: {
    fraction: () => random.fraction(),
    id: (length) => randomBytes(length).toString("base64url").slice(0, length),
  },
});
engine.bus.listen(({ channel, position, json }) => {
  note({ kind: "entry", channel, ...position, json });
});
for (const [channel, policy] of Object.entries(policies)) {
  await engine.bus.subscribe(channel, policy);
}
await engine.queues.configure(queueName, { capacity: 1 }, 100);
process.stdout.write("ready\n");
await Promise.all(Array.from({ length: writers }, (_, i) => write(engine, i)));
await engine.close();

/** Writes down what is known at this moment, before the power can be lost. */
function note(known: Known): void {
  writeSync(facts, lineOf({ ...known, at: process.hrtime.bigint() }));
}

async function write(store: Engine, writer: number): Promise<void> {
  const progress = await durableProgress(store, `worker-${life}-${writer}`);
  let value = 0;
  while (!isEnding) {
    const id = `${life}-${++made}`;
    if (random.fraction() < 0.7) await pause(random.between(0, longestPauseMs));
    const dice = random.fraction();
    if (dice < 0.7) await append(store, id);
    else if (dice < 0.75) {
      const lease = await store.leases.acquire(`lease:${id}`, dayMs);
      if (lease !== undefined) note({ kind: "lease", name: lease.name, fence: lease.fence });
    } else if (dice < 0.8) {
      await store.singleUse.claim(space, id, dayMs);
      note({ kind: "used", name: id });
    } else if (dice < 0.84) {
      const owner = `user:${writer}` as const;
      const item = { id, kind: "notification", json: JSON.stringify(id) } as const;
      await store.inbox.put(owner, item, inboxBounds);
      note({ kind: "item", owner, id });
    } else if (dice < 0.87) {
      const until = Date.now() + dayMs;
      await store.revocations.add({ of: "token", id, at: Date.now(), until }, dayMs);
      note({ kind: "revocation", id });
    } else if (dice < 0.91) {
      await store.queues.join(queueName, { id, owner: `user:${id}` });
      note({ kind: "ticket", id });
    } else if (dice < 0.96) await progress();
    else {
      const name = `record:${life}:${writer}`;
      await store.records.put(space, name, String(++value), dayMs);
      note({ kind: "record", name, value });
    }
  }
}

async function append(store: Engine, id: string): Promise<void> {
  const [channel, policy] = random.pick(Object.entries(policies));
  const filler = "x".repeat(random.between(0, random.pick([50, 500, largestData])));
  const json = JSON.stringify({ id, filler });
  const keyed = random.fraction() < 0.5 ? { key: id } : {};
  const entry = { event: "e", json, publisher: "p", ...keyed };
  const { publication } = await store.log.append(channel, entry, policy);
  note({ kind: "entry", channel, ...publication.position, json, ...keyed });
}

/** Makes a durable subscriber, and returns what settles its next entry. */
async function durableProgress(store: Engine, name: string): Promise<() => Promise<void>> {
  const key = { channel: durableChannel, owner: durableOwner, name };
  const at = (offset: number) => ({ epoch: "e", offset, tag: `t${offset}` });
  const claim = await store.durable.claim(key, at(0), durableBounds);
  let offset = 0;
  return async () => {
    const revision = offset++;
    const none = { forgotten: [], pending: [], settled: [], replays: [], replayed: [], tags: [] };
    const change = { revision, acked: at(offset), sent: at(offset), repeatsTo: 0, ...none };
    const saved = await store.durable.save(key, claim?.fence ?? 0, change, durableBounds);
    if (saved === "saved") note({ kind: "settled", name, offset });
  };
}

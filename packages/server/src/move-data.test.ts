import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock, Engine, LogPolicy } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { lastingKeys, startRedis } from "@milepost/redis/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLog } from "./runtime/log.ts";
import { moveData } from "./runtime/move-data.ts";
import { openEngine } from "./runtime/open-engine.ts";
import { systemClock } from "./runtime/system-clock.ts";

const dayMs = 86_400_000;
const root = await mkdtemp(join(tmpdir(), "milepost-move-"));
const isMissing = process.env.MILEPOST_REDIS_SERVER === undefined;
const redis = isMissing ? undefined : await startRedis();
afterAll(async () => {
  await redis?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

const plain: LogPolicy = { maxEntries: 5, maxAgeMs: dayMs, dedupeMs: dayMs };
const folded: LogPolicy = { ...plain, maxEntries: 200, projection: "latest" };
const shown: LogPolicy = { ...plain, maxEntries: 100, showsPublisher: true };
const inboxBounds = { maxItems: 100, maxLength: 10_000, maxAgeMs: dayMs };
const durableBounds = { maxPerChannel: 10, maxReplays: 10, keepMs: dayMs };
const letterBounds = { maxDeadLetters: 10, maxLength: 10_000, maxAgeMs: dayMs };
const deliveryBounds = { maxWaiting: 100, keepMs: dayMs };
const key = { channel: "short:1", owner: "user:ada", name: "worker" };
const at = (offset: number) => ({ epoch: "e", offset, tag: `t${offset}` });
const entry = (n: number, rest: object = {}) => ({
  event: "e",
  json: JSON.stringify({ n, text: `Zürich ${n}` }),
  publisher: "user:ada",
  ...rest,
});

type Settings = Parameters<typeof openEngine>[0];

async function engineOf(settings: Settings, clock: Clock, seed: number): Promise<Engine> {
  const opened = await openEngine(settings, createLog({ level: "silent" }));
  if (opened === undefined) throw new Error("no engine");
  return opened.factory({ clock, random: new SeededRandom(seed) });
}

function open(folder: string, clock = new ManualClock(Date.now())): Promise<Engine> {
  const settings = { redis: "", redisPrefix: "", data: folder, durability: "normal" } as const;
  return engineOf(settings, clock, 1);
}

/** Fills a store through its ports, and returns what it answers to the questions of `read`. */
async function fill(engine: Engine) {
  for (let n = 0; n < 12; n++)
    await engine.log.append("short:1", entry(n, { key: `k${n}` }), plain);
  for (let n = 0; n < 130; n++) await engine.log.append("folded:1", entry(n), folded);
  await engine.log.append("shown:1", entry(1, { sig: "s", claim: { id: "m1" } }), shown);
  await engine.log.append(
    "shown:1",
    entry(2, { priority: "high", traceparent: "00-a-b-01" }),
    shown,
  );
  await engine.log.append("shown:1", { event: "end", json: "null", publisher: "user:ada" }, shown);
  const lease = await engine.leases.acquire("operation:1", dayMs, { holder: "worker 7" });
  await engine.leases.acquire("operation:2", dayMs);
  await engine.leases.acquire("operation:2", dayMs, { force: true });
  await engine.records.put("session", "s1", "value", dayMs);
  await engine.singleUse.claim("ticket", "t1", dayMs);
  await engine.holdings.hold("o", [{ item: "i", bytes: 7, maxBytes: 99, keepMs: dayMs }], 9);
  await engine.targets.put(
    "user:ada",
    { id: "phone", value: "{}" },
    { maxTargets: 9, keepMs: dayMs },
  );
  for (const id of ["r1", "r2"]) {
    await engine.revocations.add({ of: "user", id, at: 5, until: Date.now() + dayMs }, dayMs);
  }
  const bounds = { maxRecords: 9, maxCount: 99, maxKinds: 9, keepMs: dayMs };
  for (const record of ["1", "2", "3"]) {
    await engine.durations.add("index", { record, counts: { all: 1, good: 2 } }, bounds);
  }
  const claimed = await engine.durable.claim(key, at(0), durableBounds);
  const pending = { position: at(2), previousTag: "t1", attempts: 1, dueAt: 5, isOut: true };
  await engine.durable.save(
    key,
    claimed?.fence ?? 0,
    {
      revision: 0,
      acked: at(1),
      sent: at(2),
      repeatsTo: 0,
      tags: [{ first: 1, tags: ["t1", "t2"] }],
      forgotten: [],
      pending: [pending],
      settled: [],
      replays: [],
      replayed: [],
    },
    durableBounds,
  );
  const letter = await engine.deadLetters.put(
    {
      source: "s",
      at: 1,
      channel: "short:1",
      reason: "expired",
      attempts: 3,
      entry: { json: "1" },
    },
    letterBounds,
  );
  const replay = { letter: letter.id, position: at(1), attempts: 0, dueAt: 1, isOut: false };
  await engine.durable.replay(key, replay, durableBounds);
  await engine.deliveries.add("d1", "content", 0, deliveryBounds);
  await engine.deliveries.add("d2", "done", 0, deliveryBounds);
  for (const taken of await engine.deliveries.take(2, 1_000)) {
    const further = taken.id === "d1" ? { dueInMs: 0 } : undefined;
    await engine.deliveries.settle(taken, further, deliveryBounds);
  }
  const asked = { id: "q1", operationId: "1", lists: ["user:ada"], json: '{"text":"?"}' };
  const questionBounds = { maxOpen: 9, maxPerOperation: 9, maxQuestions: 9 };
  const times = { keepMs: dayMs };
  await engine.questions.add({ ...asked, key: "k" }, times, questionBounds);
  await engine.questions.change({ ...asked, revision: 1, status: "open", json: '{"n":1}' }, times);
  await engine.questions.add({ ...asked, id: "q2" }, times, questionBounds);
  await engine.questions.change({ ...asked, id: "q2", revision: 1, status: "answered" }, times);
  for (const id of ["n1", "n2", "n3"]) {
    await engine.inbox.put("user:ada", { id, kind: "notification", json: `"${id}"` }, inboxBounds);
  }
  await engine.inbox.put("user:ada", { id: "q1", kind: "question", json: "1" }, inboxBounds);
  await engine.inbox.mark("user:ada", ["n1"], { read: true }, inboxBounds);
  const later = Date.now() + dayMs;
  await engine.inbox.mark("user:ada", ["n2"], { snoozedUntil: later }, inboxBounds);
  await engine.inbox.close("user:ada", "n3", "answered", inboxBounds);
  await engine.inbox.setRoles("user:ada", ["ops"], dayMs);
  await engine.inbox.enrol("role:ops", "user:ada", dayMs, 9);
  const position = { channel: "short:1", epoch: "e", offset: 3, tag: "t", at: 5 };
  await engine.inbox.see("user:ada", { at: 9, positions: [position] }, 9, dayMs);
  await engine.queues.configure("jobs", { capacity: 1, lanes: { free: 1, paid: 3 } }, 9);
  for (const [id, lane] of ["a:free", "b:free", "c:paid", "d:free"].map((text) =>
    text.split(":"),
  )) {
    await engine.queues.join("jobs", {
      id: id ?? "",
      owner: `user:${id}`,
      lane: lane ?? "",
      key: "k",
      data: "x",
    });
  }
  const claim = { worker: "w", leaseMs: dayMs, key: "c" };
  const running = await engine.queues.claim("jobs", claim);
  return { lease, letter, running };
}

/** Returns what the ports of a store answer; times by the clock of the store are left out. */
async function read(engine: Engine) {
  const logs = [];
  for (const [channel, policy] of [
    ["short:1", plain],
    ["folded:1", folded],
    ["shown:1", shown],
  ] as const) {
    const { entries, ...rest } = await engine.log.read(channel, 0, 200, policy);
    logs.push({ ...rest, entries });
    logs.push(await engine.log.snapshot(channel, policy));
  }
  const letters = await engine.deadLetters.list({ limit: 9 });
  const questions = await engine.questions.list({ operationId: "1", limit: 9 });
  const { items, ...counts } = await engine.inbox.list(
    "user:ada",
    { filter: "all", limit: 9 },
    inboxBounds,
  );
  const tickets = await engine.queues.get("jobs", ["a", "b", "c", "d"]);
  return {
    logs,
    letters,
    questions: questions.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    open: await engine.questions.list({ list: "user:ada", limit: 9 }),
    items,
    counts,
    tickets: tickets.map((ticket) => ({ ...ticket, joinedAt: 0, claimedAt: 0, leaseEndsAt: 0 })),
    names: await engine.queues.names(),
    durable: await engine.durable.get(key),
    durations: await engine.durations.get("index"),
    revocations: (await engine.revocations.read()).revocations,
    targets: await engine.targets.list("user:ada"),
    members: await engine.inbox.members("role:ops"),
    seen: await engine.inbox.seen("user:ada"),
    record: (await engine.records.get("session", "s1"))?.value,
    waiting: await engine.deliveries.count(),
  };
}

describe.skipIf(isMissing)("a move of the data of a folder into Redis", () => {
  const folder = join(root, "data");
  const to = { redis: redis?.url ?? "", redisPrefix: "milepost:moved", rules: [], data: folder };
  let before: Awaited<ReturnType<typeof read>>;
  let made: Awaited<ReturnType<typeof fill>>;
  let engine: Engine;

  beforeAll(async () => {
    const first = await open(folder);
    made = await fill(first);
    before = await read(first);
    await expect(moveData(to)).rejects.toMatchObject({ code: "not_possible_now" });
    await first.close();
    await moveData(to);
    engine = await engineOf(to, systemClock, 2);
  });
  afterAll(() => engine.close());

  test("[P-MOVE-1] everything that the ports answer is the same afterwards", async () => {
    expect(await read(engine)).toEqual(before);
  });

  test("[P-MOVE-1] logs go on: keys are known, positions and owners of ids stay, and what has ended has ended", async () => {
    const again = await engine.log.append("short:1", entry(99, { key: "k3" }), plain);
    expect(again).toMatchObject({ duplicate: true, publication: { position: { offset: 4 } } });
    const next = await engine.log.append("short:1", entry(99), plain);
    expect(next.publication.position).toMatchObject({ offset: 13 });
    expect(await engine.log.append("folded:1", entry(99), folded)).toMatchObject({
      duplicate: false,
    });
    const { snapshot } = await engine.log.snapshot("folded:1", folded);
    expect(snapshot?.state).toMatchObject({ data: { n: 99 } });
    await expect(engine.log.append("shown:1", entry(3), shown)).rejects.toMatchObject({
      code: "ended",
    });
  });

  test("[P-MOVE-1] a producer renews its lease, and a lease that was taken over has its next fence", async () => {
    const { token = "", fence } = made.lease ?? {};
    expect(await engine.leases.renew("operation:1", token)).toMatchObject({
      fence,
      holder: "worker 7",
    });
    expect(await engine.leases.acquire("operation:1", 1_000)).toBeUndefined();
    const taken = await engine.leases.acquire("operation:2", 1_000, { force: true });
    expect(taken?.fence).toBe(3);
    expect(await engine.singleUse.claim("ticket", "t1", 1_000)).toBe(false);
    expect(await engine.holdings.hold("o", [], 9)).toMatchObject({ items: 1, bytes: 7 });
  });

  test("[P-MOVE-1] a worker finishes its ticket, and the queue serves the rest in its order", async () => {
    const running = made.running.status === "claimed" ? made.running.ticket : undefined;
    const claim = { worker: "w", leaseMs: dayMs, key: "c" };
    expect(await engine.queues.claim("jobs", claim)).toMatchObject({ isRepeat: true });
    const { id = "", fence = 0 } = running ?? {};
    expect(await engine.queues.finish("jobs", id, fence)).toMatchObject({ status: "held" });
    const served = [];
    for (let n = 0; n < 3; n++) {
      const next = await engine.queues.claim("jobs", { worker: "w" });
      if (next.status !== "claimed") break;
      served.push(next.ticket.id);
      expect(next.ticket.fence).toBeGreaterThan(fence);
      await engine.queues.finish("jobs", next.ticket.id, next.ticket.fence ?? 0);
    }
    expect(served).toEqual(["a", "b", "d"]);
  });

  test("[P-MOVE-1] deliveries count their attempts on, and an inbox announces what was not settled", async () => {
    expect(await engine.deliveries.add("d2", "again", 0, deliveryBounds)).toBe(false);
    expect(await engine.deliveries.take(9, 1_000)).toMatchObject([{ id: "d1", attempt: 2 }]);
    expect(await engine.inbox.due(9)).toEqual(["user:ada"]);
    const { pending } = await engine.inbox.wake("user:ada", inboxBounds);
    expect(pending.map(({ id }) => id).toSorted()).toEqual(["n1", "n2", "n3", "q1"]);
    const closed = await engine.inbox.put(
      "user:ada",
      { id: "n3", kind: "notification", json: "1" },
      inboxBounds,
    );
    expect(closed.result).toBe("closed");
  });

  test("[P-MOVE-1] a log whose entries are all too old goes on at its next position", async () => {
    const old = { ...to, data: join(root, "old"), redisPrefix: "milepost:old" };
    const clock = new ManualClock(Date.now());
    const first = await open(old.data, clock);
    for (let n = 0; n < 3; n++) await first.log.append("old:1", entry(n, { key: `k${n}` }), plain);
    await clock.advance(2_000);
    const short = { ...plain, maxAgeMs: 1_000 };
    const { entries, head } = await first.log.read("old:1", 0, 9, short);
    expect(entries).toEqual([]);
    // The next transaction writes what the read has trimmed.
    await first.log.append("other:1", entry(0), plain);
    await first.close();
    await moveData(old);
    const moved = await engineOf(old, systemClock, 3);
    const { publication } = await moved.log.append("old:1", entry(9), plain);
    expect(publication.previousTag).toBe(head.tag);
    const after = await moved.log.read("old:1", head.offset, 9, plain);
    expect(after).toMatchObject({ entries: [publication], floor: head });
    await moved.close();
  });

  test("[P-MOVE-1] every key that a move writes has a time to live", async () => {
    expect(await lastingKeys([redis?.port ?? 0], to.redisPrefix)).toEqual([]);
  });

  test("[P-MOVE-2] a prefix that has keys is refused unless told, and an interrupted move is repeated", async () => {
    await expect(moveData(to)).rejects.toMatchObject({ code: "already_exists" });
    const parts: string[] = [];
    const other = { ...to, redisPrefix: "milepost:interrupted" };
    const interrupt = (part: string) => {
      parts.push(part);
      if (part === "operations") throw new Error("interrupted");
    };
    await expect(moveData({ ...other, onPart: interrupt })).rejects.toThrow("interrupted");
    await moveData(other);
    await expect(moveData(other)).rejects.toMatchObject({ code: "already_exists" });
    await moveData({ ...other, force: true });
    // A user who may look through all keys finds any of the prefix.
    const admin = { ...to, redis: redis?.adminUrl ?? "", redisPrefix: "milepost" };
    await expect(moveData(admin)).rejects.toMatchObject({ code: "already_exists" });
    expect(parts).toContain("logs");
  });

  test("[P-MOVE-2] a forced move leaves no delivery waiting that was sent since the move before", async () => {
    const again = { ...to, data: join(root, "again"), redisPrefix: "milepost:again" };
    const first = await open(again.data);
    await first.deliveries.add("d1", "content", 0, deliveryBounds);
    await first.close();
    await moveData(again);
    const second = await open(again.data);
    const [taken] = await second.deliveries.take(1, 1_000);
    if (taken !== undefined) await second.deliveries.settle(taken, undefined, deliveryBounds);
    await second.close();
    await moveData({ ...again, force: true });
    const moved = await engineOf(again, systemClock, 3);
    expect(await moved.deliveries.take(9, 1_000)).toEqual([]);
    await moved.close();
  });

  test("[P-MOVE-2] an interrupted move is not repeated once a gateway has used the folder again", async () => {
    const used = { ...to, data: join(root, "used"), redisPrefix: "milepost:used" };
    await (await open(used.data)).close();
    const onPart = () => {
      throw new Error("interrupted");
    };
    await expect(moveData({ ...used, onPart })).rejects.toThrow("interrupted");
    await expect(moveData({ ...used, onPart })).rejects.toThrow("interrupted");
    await (await open(used.data)).close();
    await expect(moveData(used)).rejects.toMatchObject({ code: "already_exists" });
  });

  test("[P-MOVE-2] a folder that does not exist is refused and not made", async () => {
    const none = { ...to, data: join(root, "none") };
    await expect(moveData(none)).rejects.toMatchObject({ code: "not_found" });
    expect(existsSync(none.data)).toBe(false);
  });
});

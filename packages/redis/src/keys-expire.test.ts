import type { Engine, LogPolicy, NewEntry } from "@milepost/engine";
import { ManualClock, SeededRandom } from "@milepost/engine/testing";
import { createClient } from "@redis/client";
import { afterAll, test as anyTest, expect } from "vitest";
import { connectRedis, redisEngine } from "./index.ts";
import { lastingKeysOf } from "./testing/lasting-keys.ts";
import { startRedis } from "./testing/redis-server.ts";

const isMissing = process.env.MILEPOST_REDIS_SERVER === undefined;
const test = anyTest.skipIf(isMissing);
const redis = isMissing ? undefined : await startRedis();
const admin = createClient({ url: redis?.adminUrl ?? "", RESP: 2 });
if (!isMissing) await admin.connect();
afterAll(async () => {
  if (!isMissing) admin.destroy();
  await redis?.[Symbol.asyncDispose]();
});

type Step = (engine: Engine) => Promise<unknown>;
type Port = Exclude<
  keyof Engine,
  | "name"
  | "isShared"
  | "isDurable"
  | "durability"
  | "store"
  | "memoryBytes"
  | "now"
  | "storeMemory"
  | "dataSizes"
  | "isFull"
  | "close"
  | "bus"
  | "signals"
>;
/** Methods that only register a listener, manage pub/sub or close. They store nothing. */
type Listening = "listen" | "subscribe" | "unsubscribe" | "close";
type Steps = {
  readonly [P in Port]: {
    readonly [M in Exclude<
      keyof Engine[P],
      P extends "inbox" ? never : Listening
    >]: readonly Step[];
  };
};

const minuteMs = 60_000;
const short: LogPolicy = { maxEntries: 3, maxAgeMs: minuteMs, dedupeMs: minuteMs };
const long: LogPolicy = { maxEntries: 100, maxAgeMs: 60 * minuteMs, dedupeMs: 10 * minuteMs };
const projected: LogPolicy = { ...short, projection: "latest" };
const rolled: LogPolicy = { ...short, rollUp: { segments: 2, policy: short } };
/** Channels, each with its policy; the last one is the roll-up of the one before it. */
const logs: readonly (readonly [string, LogPolicy])[] = [
  ["quick:a", short],
  ["slow:a", long],
  ["state:a", projected],
  ["job:1:a", rolled],
  ["job:1:*", short],
];
const entry: NewEntry = { event: "e", json: "1", publisher: "p" };
const sub = { channel: "quick:a", owner: "user:ada", name: "worker" };
const bounds = { maxPerChannel: 3, maxReplays: 2, keepMs: minuteMs };
const at = { epoch: "e", offset: 1, tag: "t" };
const delivery = { attempts: 1, dueAt: 1, isOut: true };
const pending = { ...delivery, position: at, previousTag: "0" };
const replayOf = { ...delivery, letter: "1-abc", position: at };
const tags = [{ first: 1, tags: ["t"] }];
const progress = { revision: 0, acked: at, sent: at, repeatsTo: 0, tags };
const letter = { source: "s", at: 1, channel: "quick:a", reason: "r", attempts: 1, entry: {} };
const kept = { maxDeadLetters: 3, maxLength: 1_000, maxAgeMs: minuteMs };
const toReach = { maxWaiting: 3, keepMs: minuteMs };
const few = { maxItems: 2, maxLength: 1_000, maxAgeMs: 60 * minuteMs };
const learned = { maxRecords: 2, maxCount: 10, maxKinds: 2, keepMs: minuteMs };
const operation = {
  summary: {
    operation_id: "o",
    kind: "index",
    title: "Index",
    status: "running",
    session_id: "s",
    user_id: "ada",
    attempt: 1,
    percent: 0,
    warnings: 0,
    errors: 0,
    created_at: 1,
    updated_at: 1,
  },
  producer: "p",
  service: "backend",
  waitingCommands: 0,
  offset: 1,
  fence: 1,
} as const;
const question = { id: "q", operationId: "o", lists: ["user:ada"], json: "{}" };
const ofQuestions = { maxOpen: 20, maxPerOperation: 20, maxQuestions: 20 };
const node = { id: "n.1", name: "n", since: 0, connections: 1 };
const connection = {
  id: "c",
  user: "ada",
  session: "s",
  consumer: "websocket",
  since: 0,
} as const;

function onEachLog(step: (engine: Engine, channel: string, policy: LogPolicy) => Promise<unknown>) {
  return logs.map(
    ([channel, policy]): Step =>
      (engine) =>
        step(engine, channel, policy),
  );
}

/** A claim's fence that is at or above every later one, so that the step is not refused. */
async function fenceOf({ durable }: Engine): Promise<number> {
  return (await durable.claim(sub, at, bounds))?.fence ?? 0;
}

/** Makes a step of a queue that creates the queue first if it does not exist, as after its removal. */
function inQueue(step: Step): Step {
  return async (engine) => {
    if ((await engine.queues.state("q")) === undefined) {
      await engine.queues.configure("q", { capacity: 9, lanes: { a: 1, b: 2 } }, 9);
    }
    return step(engine);
  };
}

/** Makes a step that a worker does with its running ticket, if there is one. */
function onRunning(step: (engine: Engine, id: string, fence: number) => Promise<unknown>): Step {
  return async (engine) => {
    const [ticket] = await engine.queues.running("q", 1);
    return ticket && step(engine, ticket.id, ticket.fence ?? 0);
  };
}

const steps: Steps = {
  log: {
    append: [
      ...onEachLog(({ log }, channel, policy) => log.append(channel, entry, policy)),
      ...onEachLog(({ log }, channel, policy) =>
        log.append(channel, { ...entry, key: "k" }, policy),
      ),
      // Enough entries that the node stores the state.
      async ({ log }) => {
        for (let i = 0; i < 70; i++) await log.append("state:a", entry, projected);
      },
      ({ log }) => log.append("ended:a", { ...entry, event: "end" }, short),
      ({ log }) => log.append("ended:a", entry, short).catch(() => {}),
    ],
    read: onEachLog(({ log }, channel, policy) => log.read(channel, 0, 10, policy)),
    find: onEachLog(({ log }, channel, policy) => log.find(channel, "p", "k", policy)),
    snapshot: onEachLog(({ log }, channel, policy) => log.snapshot(channel, policy)),
    // Asks the process alone.
    recall: [],
    peek: onEachLog(({ log }, channel, policy) => log.peek(channel, policy)),
    purge: onEachLog(({ log }, channel, policy) => log.purge(channel, policy)),
  },
  operations: {
    put: [
      ({ operations }) => operations.put(operation, minuteMs),
      ({ operations }) =>
        operations.put({ ...operation, producer: "q", offset: 2 }, 60 * minuteMs, 1_000),
      ({ operations }) =>
        operations.put(
          { ...operation, summary: { ...operation.summary, operation_id: "c", parent: "parent" } },
          minuteMs,
        ),
    ],
    due: [({ operations }) => operations.due(0, 10)],
    get: [({ operations }) => operations.get("o")],
    list: [
      ({ operations }) => operations.list({ limit: 10 }),
      ({ operations }) => operations.list({ user: "ada", limit: 10 }),
    ],
    remove: [({ operations }) => operations.remove("o")],
    openChange: [({ operations }) => operations.openChange("parent")],
    settleChange: [
      async ({ operations }) =>
        operations.settleChange("parent", (await operations.openChange("parent")) ?? 0),
    ],
    takeChanges: [({ operations }) => operations.takeChanges(0, 10)],
  },
  leases: {
    acquire: [
      ({ leases }) => leases.acquire("l", 1_000),
      ({ leases }) => leases.acquire("l", 1_000, { force: true, holder: "w" }),
    ],
    renew: [
      async ({ leases }) => leases.renew("l", (await leases.get("l"))?.token ?? ""),
      async ({ leases }) => leases.renew("l", (await leases.get("l"))?.token ?? "", 2_000),
    ],
    get: [({ leases }) => leases.get("l")],
    release: [async ({ leases }) => leases.release("l", (await leases.get("l"))?.token ?? "")],
  },
  presence: {
    update: [
      ({ presence }) =>
        presence.update("room:a", "h", { ttlMs: minuteMs, enter: [{ id: "ada" }, { id: "bo" }] }),
      ({ presence }) =>
        presence.update("room:a", "h", {
          ttlMs: minuteMs,
          linger: ["ada"],
          lingerMs: 5_000,
          typing: [{ id: "bo", typing: true }],
          typingMs: 5_000,
        }),
      ({ presence }) => presence.update("room:a", "h", { ttlMs: minuteMs, leave: ["ada", "bo"] }),
      ({ presence }) => presence.update("room:a", "other", { ttlMs: minuteMs }),
    ],
    read: [({ presence }) => presence.read("room:a")],
  },
  durable: {
    claim: [({ durable }) => durable.claim(sub, at, bounds)],
    save: [
      async (engine) =>
        engine.durable.save(
          sub,
          await fenceOf(engine),
          {
            ...progress,
            forgotten: [],
            pending: [pending],
            settled: [],
            replays: [],
            replayed: [],
          },
          bounds,
        ),
      ({ durable }) =>
        durable.save(
          sub,
          1,
          {
            ...progress,
            forgotten: [1],
            pending: [],
            settled: [1],
            replays: [],
            replayed: ["1-abc"],
          },
          bounds,
        ),
    ],
    restore: [
      ({ durable }) =>
        durable.restore(
          sub,
          9e15,
          { ...progress, pending: [pending], replays: [replayOf] },
          bounds,
        ),
    ],
    look: [async (engine) => engine.durable.look(sub, await fenceOf(engine), 0, bounds)],
    replay: [({ durable }) => durable.replay(sub, replayOf, bounds)],
    get: [({ durable }) => durable.get(sub)],
  },
  deadLetters: {
    put: [
      ({ deadLetters }) => deadLetters.put(letter, kept),
      ({ deadLetters }) => deadLetters.put({ ...letter, source: "other" }, kept),
    ],
    get: [({ deadLetters }) => deadLetters.get("1-abc")],
    list: [({ deadLetters }) => deadLetters.list({ limit: 10 })],
    remove: [
      async ({ deadLetters }) => {
        const [first] = await deadLetters.list({ limit: 1 });
        if (first !== undefined) await deadLetters.remove(first.id);
      },
    ],
    count: [({ deadLetters }) => deadLetters.count()],
  },
  registry: {
    refresh: [({ registry }) => registry.refresh(node, 10_000)],
    nodes: [({ registry }) => registry.nodes()],
    change: [
      ({ registry }) => registry.change(node.id, { enter: [connection], leave: [] }),
      ({ registry }) => registry.change(node.id, { enter: [], leave: [connection] }),
    ],
    claim: [
      ({ registry }) => registry.claim(node.id, [{ connection, limits: { user: 9, session: 9 } }]),
    ],
    recount: [({ registry }) => registry.recount({ user: "ada" })],
    list: [({ registry }) => registry.list({ user: "ada" }, 10)],
    leave: [({ registry }) => registry.leave(node.id)],
    sweep: [({ registry }) => registry.sweep()],
  },
  revocations: {
    add: [
      ({ revocations }) =>
        revocations.add({ of: "user", id: "ada", at: 1, until: 2 }, 5 * minuteMs),
    ],
    read: [({ revocations }) => revocations.read()],
  },
  durations: {
    add: [
      ({ durations }) => durations.add("k", { record: "r", counts: { t: 1 } }, learned),
      ({ durations }) =>
        durations.add("l", { record: "r", counts: {} }, { ...learned, keepMs: 60 * minuteMs }),
      ({ durations }) => durations.add("m", { record: "r", counts: {} }, learned),
    ],
    get: [({ durations }) => durations.get("k")],
    list: [({ durations }) => durations.list(10)],
  },
  records: {
    put: [
      ({ records }) => records.put("session", "n", "v", minuteMs),
      ({ records }) => records.put("ticket", "n", "v", 0.5),
    ],
    get: [({ records }) => records.get("session", "n")],
    take: [({ records }) => records.take("session", "n")],
  },
  holdings: {
    hold: [
      ({ holdings }) =>
        holdings.hold("ada", [{ item: "a", bytes: 1, maxBytes: 9, keepMs: minuteMs }], 2),
      ({ holdings }) =>
        holdings.hold("ada", [{ item: "b", bytes: 1, maxBytes: 9, keepMs: 60 * minuteMs }], 2),
      ({ holdings }) => holdings.hold("bob", [], 2),
    ],
  },
  queues: {
    configure: [
      ({ queues }) => queues.configure("q", { capacity: 9, lanes: { a: 1, b: 2 } }, 9),
      ({ queues }) => queues.configure("q", { capacity: "workers", lanes: { b: 1 } }, 9),
    ],
    state: [inQueue(({ queues }) => queues.state("q"))],
    names: [({ queues }) => queues.names()],
    remove: [({ queues }) => queues.remove("q").catch(() => false)],
    join: [
      inQueue(({ queues }) => queues.join("q", { id: "s", owner: "ada", key: "k", lane: "b" })),
      inQueue(({ queues }) => queues.join("q", { id: "t", owner: "bo", data: "1" })),
      inQueue(({ queues }) => queues.join("q", { id: "u", owner: "cy" })),
    ],
    get: [inQueue(({ queues }) => queues.get("q", ["s", "t"]))],
    find: [inQueue(({ queues }) => queues.find("q", "ada"))],
    head: [inQueue(({ queues }) => queues.head("q", 9))],
    running: [inQueue(({ queues }) => queues.running("q", 9))],
    leave: [inQueue(({ queues }) => queues.leave("q", "u"))],
    claim: [
      inQueue(({ queues }) => queues.claim("q", { worker: "w", key: "k", leaseMs: 1_000 })),
      inQueue(({ queues }) => queues.claim("q", { worker: "v", slots: 3 })),
    ],
    extend: [inQueue(onRunning(({ queues }, id, fence) => queues.extend("q", id, fence)))],
    finish: [inQueue(onRunning(({ queues }, id, fence) => queues.finish("q", id, fence)))],
    fail: [
      inQueue(onRunning(({ queues }, id, fence) => queues.fail("q", id, fence))),
      inQueue(
        onRunning(({ queues }, id, fence) => queues.fail("q", id, fence, { giveBack: true })),
      ),
      inQueue(
        onRunning(({ queues }, id, fence) =>
          queues.fail("q", id, fence, { giveBack: true, unserved: true }),
        ),
      ),
    ],
    markSeen: [inQueue(({ queues }) => queues.markSeen("q", ["s", "t"], 1_000))],
    markGone: [inQueue(({ queues }) => queues.markGone("q", ["s", "t"]))],
    suspend: [inQueue(({ queues }) => queues.suspend("q"))],
    sweep: [
      inQueue(({ queues }) => queues.sweep("q", 0)),
      inQueue(({ queues }) => queues.sweep("q", 9)),
    ],
    beat: [inQueue(({ queues }) => queues.beat("q", "w", 2, 1_000))],
    retire: [inQueue(({ queues }) => queues.retire("q", "w"))],
    workers: [inQueue(({ queues }) => queues.workers("q"))],
    noteEstimate: [inQueue(({ queues }) => queues.noteEstimate("q", "s", 1, 2))],
    statistics: [inQueue(({ queues }) => queues.statistics("q", 48))],
  },
  deliveries: {
    add: [
      ({ deliveries }) => deliveries.add("a", "1", 0, toReach),
      ({ deliveries }) => deliveries.add("b", "2", minuteMs, toReach),
    ],
    take: [({ deliveries }) => deliveries.take(2, 1_000)],
    settle: [
      async ({ deliveries }) => {
        const [first, second] = await deliveries.take(2, 1_000);
        if (first !== undefined) await deliveries.settle(first, undefined, toReach);
        if (second !== undefined) await deliveries.settle(second, { dueInMs: 1 }, toReach);
      },
    ],
    list: [({ deliveries }) => deliveries.list(10)],
    hasten: [({ deliveries }) => deliveries.hasten("b")],
    count: [({ deliveries }) => deliveries.count()],
  },
  targets: {
    put: [
      ({ targets }) => targets.put("ada", { id: "a", value: "1" }, { maxTargets: 2, keepMs: 1 }),
      ({ targets }) =>
        targets.put("ada", { id: "b", value: "1" }, { maxTargets: 2, keepMs: 60 * minuteMs }),
    ],
    list: [({ targets }) => targets.list("ada")],
    remove: [({ targets }) => targets.remove("ada", "a")],
  },
  inbox: {
    put: [
      ({ inbox }) => inbox.put("user:ada", { id: "n", kind: "notification", json: "1" }, few),
      ({ inbox }) => inbox.put("user:ada", { id: "m", kind: "notification", json: "1" }, few),
      ({ inbox }) => inbox.put("user:ada", { id: "q", kind: "question", json: "1" }, few),
    ],
    close: [
      ({ inbox }) => inbox.close("user:ada", "q", "answered", few),
      ({ inbox }) => inbox.close("user:bo", "never", "answered", few),
      ({ inbox }) => inbox.close("user:ada", "n", "left", few, true),
    ],
    mark: [
      ({ inbox }) => inbox.mark("user:ada", ["n", "q"], { read: true }, few),
      ({ inbox }) => inbox.mark("user:ada", "all", { snoozedUntil: 9e12 }, few),
    ],
    list: [({ inbox }) => inbox.list("user:ada", { filter: "all", limit: 10 }, few)],
    get: [({ inbox }) => inbox.get("user:ada", "n")],
    due: [({ inbox }) => inbox.due(10)],
    wake: [({ inbox }) => inbox.wake("user:ada", few)],
    settle: [
      async ({ inbox }) =>
        inbox.settle("user:ada", (await inbox.wake("user:ada", few)).pending.slice(0, 1)),
    ],
    setRoles: [({ inbox }) => inbox.setRoles("user:ada", ["ops"], minuteMs)],
    enrol: [
      ({ inbox }) => inbox.enrol("role:ops", "user:ada", minuteMs, 2),
      ({ inbox }) => inbox.enrol("role:ops", "user:bo", 0, 2),
    ],
    members: [({ inbox }) => inbox.members("role:ops")],
    see: [
      ({ inbox }) =>
        inbox.see(
          "user:ada",
          { at: 1, positions: [{ channel: "c", epoch: "e", offset: 1, tag: "t", at: 1 }] },
          2,
          minuteMs,
        ),
    ],
    seen: [({ inbox }) => inbox.seen("user:ada")],
  },
  questions: {
    add: [
      ({ questions }) => questions.add(question, { keepMs: minuteMs, dueInMs: 1_000 }, ofQuestions),
      ({ questions }) =>
        questions.add(
          { ...question, id: "r", operationId: "p", key: "k" },
          { keepMs: 60 * minuteMs },
          ofQuestions,
        ),
    ],
    change: [
      async ({ questions }) => {
        const found = await questions.get("q");
        if (found === undefined) return;
        const next = { ...found, revision: found.revision + 1, lists: ["user:bo"] };
        await questions.change(next, { keepMs: 2 * minuteMs, dueInMs: 5_000 });
      },
      async ({ questions }) => {
        const found = await questions.get("r");
        if (found === undefined) return;
        const next = { ...found, revision: found.revision + 1, status: "answered" as const };
        await questions.change(next, { keepMs: minuteMs });
      },
    ],
    schedule: [
      ({ questions }) => questions.schedule("q", 0, 90 * minuteMs),
      ({ questions }) => questions.schedule("r", 0, undefined),
    ],
    get: [({ questions }) => questions.get("q")],
    list: [
      ({ questions }) => questions.list({ list: "user:ada", limit: 10 }),
      ({ questions }) => questions.list({ operationId: "o", limit: 10 }),
    ],
    due: [({ questions }) => questions.due(0, 10)],
  },
  singleUse: {
    claim: [
      ({ singleUse }) => singleUse.claim("nonce", "n", minuteMs),
      ({ singleUse }) => singleUse.claim("ticket", "n", 0.5),
    ],
  },
};

const all: readonly Step[] = Object.values(steps).flatMap((port) =>
  Object.values(port as Readonly<Record<string, readonly Step[]>>).flat(),
);

let made = 0;

/** Creates an engine with a prefix of its own, and says what of its keys may last. */
async function makeEngine(seed: number) {
  if (redis === undefined) throw new Error("the tests are skipped without a Redis");
  const prefix = `milepost:keys${++made}`;
  const clock = new ManualClock();
  const engine = redisEngine(await connectRedis({ url: redis.url }), { prefix })({
    clock,
    random: new SeededRandom(seed),
  });
  return {
    clock,
    engine,
    prefix,
    lasting: () => lastingKeysOf(admin, prefix),
    [Symbol.asyncDispose]: () => engine.close(),
  };
}

function shuffled(random: SeededRandom): readonly Step[] {
  const places = all.map((step) => ({ step, place: random.fraction() }));
  return places.toSorted((a, b) => a.place - b.place).map(({ step }) => step);
}

/** Returns how far the clock moves after a step: mostly not at all, at times past the end of something. */
function pauseAfter(random: SeededRandom): number {
  const pauses = [0, 0, 0, 1_000, 20_000, 2 * minuteMs, 6 * minuteMs, 90 * minuteMs];
  return pauses[Math.floor(random.fraction() * pauses.length)] ?? 0;
}

test("a channel that was subscribed to before its first entry leaves no key that never expires", async () => {
  for (const [channel, policy] of logs) {
    await using made = await makeEngine(1);
    const { log } = made.engine;
    await log.snapshot(channel, policy);
    await log.read(channel, 0, 10, policy);
    await log.append(channel, entry, policy);
    expect(await made.lasting()).toEqual([]);
  }
});

test("whatever the order of the calls, every key that a port writes expires", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = new SeededRandom(seed);
    await using made = await makeEngine(seed);
    const order = seed === 1 ? all : seed === 2 ? all.toReversed() : shuffled(random);
    for (const step of order) {
      await step(made.engine);
      expect(await made.lasting()).toEqual([]);
      await made.clock.advance(pauseAfter(random));
    }
  }
}, 60_000);

test("when Redis has lost any single key, every key that a port writes still expires", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = new SeededRandom(seed);
    await using made = await makeEngine(seed);
    for (const step of shuffled(random)) {
      // A call may fail on a log of which a part is missing. What it has written must expire even so.
      await step(made.engine).catch(() => {});
      const lasting = await made.lasting();
      expect(lasting.filter((says) => says.endsWith("never expires"))).toEqual([]);
      const keys = await admin.keys(`${made.prefix}:*`);
      const lost = keys[Math.floor(random.fraction() * keys.length * 3)];
      if (lost !== undefined) await admin.unlink(lost);
    }
  }
}, 60_000);

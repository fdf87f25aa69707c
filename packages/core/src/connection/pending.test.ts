import { type EngineFactory, memoryEngine } from "@milepost/engine";
import {
  altered,
  FaultyEngine,
  ManualClock,
  SeededRandom,
  SharedEngine,
} from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import type { Rule } from "../rules/rule.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import { highRates, type TestCore, type TestSocket, testCore } from "../testing/index.ts";

/** Two nodes on one engine and one clock. */
class Pair implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly engine = new SharedEngine(this.clock, new SeededRandom());
  readonly a: TestCore;
  readonly b: TestCore;

  constructor(
    options: { readonly limits?: Partial<CoreLimits>; readonly rules?: readonly Rule[] } = {},
    spoil: (engine: EngineFactory) => EngineFactory = (engine) => engine,
  ) {
    const { clock } = this;
    const node = (name: string, n: number, engine: EngineFactory) =>
      testCore({ clock, random: new SeededRandom(n), node: name, engine, ...options });
    this.a = node("a", 1, spoil(this.engine.factory));
    this.b = node("b", 2, this.engine.factory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.a[Symbol.asyncDispose]();
    await this.b[Symbol.asyncDispose]();
  }
}

const channel = "operation:9";
const pending = {
  channel,
  position: "pending.0.0",
  recovered: false,
  pending: true,
} as const;

function create(t: TestCore, owner: { user_id?: string; session_id?: string }, id = "9") {
  return t.core.operations.create(t.service, { kind: "index", operation_id: id, ...owner });
}

async function opened(t: TestCore, user = "ada"): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user(user) });
  await t.clock.settle();
  socket.take();
  return socket;
}

async function ask(t: TestCore, socket: TestSocket, message: object) {
  socket.send(message);
  await t.clock.settle();
  return socket.take();
}

const subscribe = { type: "subscribe", id: 1, channel };

/** Rule of a channel that follows an operation and has presence. */
const present: Rule = {
  pattern: "files:{operation}",
  subscribe: "operation-owner",
  publish: "granted",
  retention: { maxEntries: 10, maxAgeMs: 3_600_000 },
  presence: "members",
};

describe("subscriptions to an operation that the client may not see", () => {
  test("[P-OP-9] an operation of somebody else and one that does not exist have the same answer in both dialects", async () => {
    await using t = testCore();
    await create(t, { user_id: "bob", session_id: "theirs" });
    for (const dialect of ["json", "plain"] as const) {
      const answers: string[] = [];
      for (const id of ["9", "8"]) {
        const socket = t.connect(
          { principal: t.user("ada"), channels: [`operation:${id}`] },
          dialect,
        );
        await t.clock.settle();
        expect(socket.take().at(-1)).toMatchObject({ type: "subscribed", pending: true });
        const [again] = await ask(t, socket, {
          type: "unsubscribe",
          id: 1,
          channel: `operation:${id}`,
        });
        const [reply] = await ask(t, socket, { ...subscribe, channel: `operation:${id}` });
        answers.push(JSON.stringify([again, reply]).replaceAll(`operation:${id}`, "it"));
      }
      expect(answers[0]).toBe(answers[1]);
    }
  });

  test("[P-OP-9] a subscription becomes live when another node creates the operation, and then misses nothing", async () => {
    await using t = new Pair();
    const socket = await opened(t.a);
    expect(await ask(t.a, socket, subscribe)).toEqual([{ type: "reply", id: 1, result: pending }]);
    const { lease } = await create(t.b, { user_id: "ada" });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "subscribed", channel, snapshot: { state: { id: "9", status: "waiting" } } },
    ]);
    await t.b.core.operations.report(t.b.service, "9", {
      lease: lease.token,
      events: [{ event: "started", data: {} }],
    });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "event", channel, event: "started" },
      { type: "event", channel, event: "estimate" },
    ]);
    expect(t.a.core.stats().channels).toBe(1);
  });

  test("[P-OP-9] a session that owns the operation becomes live, and a stranger at the same node hears nothing", async () => {
    await using t = new Pair();
    const own = t.a.connect({
      principal: t.a.user(undefined, { session: "s" }),
      channels: [channel],
    });
    const stranger = t.a.connect({ principal: t.a.user("bob"), channels: [channel] });
    await t.clock.settle();
    own.take();
    stranger.take();
    await create(t.b, { session_id: "s" });
    await t.clock.settle();
    expect(own.take()).toMatchObject([{ type: "subscribed", snapshot: { state: { id: "9" } } }]);
    expect(stranger.take()).toEqual([]);
  });

  test("[P-OP-9] a subscription that starts while the operation is created becomes live, whichever comes first", async () => {
    for (let delayMs = 0; delayMs < 8; delayMs++) {
      const clock = new ManualClock();
      const engine = new SharedEngine(clock, new SeededRandom());
      const slow: EngineFactory = (context) => {
        const made = engine.factory(context);
        const late = <T extends object>(port: T): T =>
          new Proxy(port, {
            get: (target, name) => {
              const method: unknown = Reflect.get(target, name);
              if (typeof method !== "function" || name === "listen") return method;
              return async (...args: unknown[]) => {
                await new Promise<void>((resolve) => clock.after(1, resolve));
                return Reflect.apply(method, target, args);
              };
            },
          });
        return { ...made, log: late(made.log), bus: late(made.bus) };
      };
      await using a = testCore({ clock, random: new SeededRandom(1), node: "a", engine: slow });
      await using b = testCore({
        clock,
        random: new SeededRandom(2),
        node: "b",
        engine: engine.factory,
      });
      const socket = await opened(a);
      socket.send(subscribe);
      await clock.advance(delayMs);
      await create(b, { user_id: "ada" });
      await clock.advance(30);
      const last = socket.take().at(-1);
      expect(last?.result ?? last).toMatchObject({ channel, snapshot: { state: { id: "9" } } });
    }
  });

  test("[P-OP-9] a client that resumes a pending subscription receives recovered: true", async () => {
    await using t = testCore();
    const socket = await opened(t);
    const answer = await ask(t, socket, { ...subscribe, since: "pending.0.0" });
    expect(answer).toMatchObject([{ result: { ...pending, recovered: true } }]);
    await create(t, { user_id: "ada" });
    await t.clock.settle();
    const [live] = socket.take();
    expect(live).toMatchObject({ type: "subscribed", recovered: false, snapshot: {} });
    expect(live).not.toHaveProperty("reason");
    const later = await opened(t);
    const resumed = await ask(t, later, { ...subscribe, since: "pending.0.0" });
    expect(resumed).toMatchObject([{ result: { snapshot: { state: { id: "9" } } } }]);
  });

  test("[P-OP-9] a plain cursor names a pending channel, so that a reconnect with the cursor alone waits on", async () => {
    await using t = testCore();
    const socket = t.connect(
      { principal: t.user("ada"), channels: [channel, "user:ada"] },
      "plain",
    );
    await t.clock.settle();
    const cursor = String(socket.take().at(-1)?.event_id);
    expect(cursor).toContain(`${channel}@pending.0.0`);
  });

  test("[P-OP-9] a subscription with a start point keeps it until the operation appears", async () => {
    await using t = testCore();
    const socket = await opened(t);
    await ask(t, socket, { ...subscribe, since: "start" });
    await create(t, { user_id: "ada" });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "subscribed", channel },
      { type: "event", event: "created" },
    ]);
  });

  test("[P-OP-9] a pending subscription can be ended, and a durable or a presence subscription is refused for both alike", async () => {
    await using t = testCore();
    await create(t, { user_id: "bob" });
    const socket = await opened(t);
    for (const id of ["9", "8"]) {
      const it = `operation:${id}`;
      const durable = await ask(t, socket, { ...subscribe, channel: it, as: "me" });
      expect(durable).toMatchObject([{ id: 1, error: { code: "forbidden" } }]);
      const present = await ask(t, socket, { ...subscribe, channel: it, presence: true });
      expect(present).toMatchObject([{ id: 1, error: { code: "not_supported" } }]);
      await ask(t, socket, { ...subscribe, channel: it });
      const twice = await ask(t, socket, { ...subscribe, channel: it });
      expect(twice).toMatchObject([{ error: { code: "already_subscribed" } }]);
      const ended = await ask(t, socket, { type: "unsubscribe", id: 2, channel: it });
      expect(ended).toEqual([{ type: "reply", id: 2, result: { channel: it } }]);
    }
    await create(t, { user_id: "ada" }, "8");
    await t.clock.settle();
    expect(socket.take()).toEqual([]);
    expect(t.core.stats()).toMatchObject({ channels: 0, subscriptions: 0 });
  });
});

describe("operations that change their owner", () => {
  test("[P-OP-10] a subscriber that loses the right becomes pending, one that gains it becomes live, and neither receives an entry of the other operation", async () => {
    await using t = new Pair();
    await create(t.a, { user_id: "ada" });
    const ada = t.a.connect({ principal: t.a.user("ada"), channels: [channel] });
    const filtered = t.a.connect({ principal: t.a.user("ada") });
    const slow = t.a.connect({ principal: t.a.user("ada") });
    const bob = t.b.connect({ principal: t.b.user("bob"), channels: [channel] });
    await t.clock.settle();
    filtered.send({ ...subscribe, events: ["started", "log"] });
    slow.send({ ...subscribe, summary_ms: 1_000 });
    await t.clock.settle();
    for (const socket of [ada, filtered, slow, bob]) socket.take();
    await t.b.core.channels.purge(t.b.service, channel);
    // The dedupe key of the first creation has to be forgotten.
    const { lease } = await create(t.b, { user_id: "bob" });
    await t.b.core.operations.report(t.b.service, "9", {
      lease: lease.token,
      events: [
        { event: "started", data: {} },
        { event: "log", data: { message: "secret" } },
      ],
    });
    await t.clock.advance(60_000);
    for (const socket of [ada, filtered, slow]) {
      expect(socket.take()).toEqual([{ type: "subscribed", ...pending }]);
    }
    expect(bob.take()[0]).toMatchObject({
      type: "subscribed",
      snapshot: { state: { user_id: "bob" } },
    });
  });

  test("[P-OP-10] a subscriber of an operation that is deleted becomes pending, and is reset when the operation begins again", async () => {
    await using t = new Pair();
    await create(t.a, { user_id: "ada" });
    const socket = t.a.connect({ principal: t.a.user("ada"), channels: [channel] });
    await t.clock.settle();
    socket.take();
    await t.a.core.channels.purge(t.a.service, channel);
    await t.clock.settle();
    expect(socket.take()).toEqual([{ type: "subscribed", ...pending }]);
    await create(t.b, { user_id: "ada" });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      {
        type: "subscribed",
        recovered: false,
        reason: "epoch_changed",
        snapshot: { state: { id: "9" } },
      },
    ]);
  });

  test("[P-OP-10] an operation that begins again with the same owner resets its subscribers", async () => {
    await using t = new Pair();
    await create(t.a, { user_id: "ada" });
    const socket = t.b.connect({ principal: t.b.user("ada"), channels: [channel] });
    await t.clock.settle();
    socket.take();
    // The other node notices only once the new operation exists.
    await t.a.core.channels.purge(t.a.service, channel);
    await create(t.a, { user_id: "ada" });
    await t.clock.settle();
    expect(socket.take()).toMatchObject([
      { type: "reset", channel, reason: "epoch_changed", snapshot: { state: { id: "9" } } },
    ]);
  });

  test("[P-OP-10] a channel of a deployment that follows an operation is cut and opened with its owner", async () => {
    const retention = { maxEntries: 10, maxAgeMs: 3_600_000 };
    const rules: Rule[] = [
      { pattern: "files:{operation}", subscribe: "operation-owner", publish: "granted", retention },
    ];
    await using t = new Pair({ rules });
    const [ada, bob] = [await opened(t.a), await opened(t.a, "bob")];
    const files = { ...subscribe, channel: "files:9" };
    const own = { ...pending, channel: "files:9" };
    expect(await ask(t.a, ada, files)).toMatchObject([{ result: own }]);
    expect(await ask(t.a, bob, files)).toMatchObject([{ result: own }]);
    await create(t.b, { user_id: "ada" });
    await t.clock.settle();
    await t.b.publish("files:9", "file", 1);
    await t.clock.settle();
    expect(ada.take()).toMatchObject([{ type: "subscribed" }, { event: "file", data: 1 }]);
    await t.b.core.channels.purge(t.b.service, channel);
    await t.clock.settle();
    expect(ada.take()).toEqual([{ type: "subscribed", ...own }]);
    await create(t.b, { user_id: "bob" });
    await t.clock.settle();
    await t.b.publish("files:9", "file", 2);
    await t.clock.settle();
    expect(bob.take()).toMatchObject([{ type: "subscribed" }, { event: "file", data: 2 }]);
    expect(ada.take()).toEqual([]);
  });

  test("[P-OP-10] [P-PRES-2] a client whose subscription becomes pending leaves the presence of the channel, and joins it again once it is live", async () => {
    await using t = testCore({ rules: [present] });
    const files = { ...subscribe, channel: "files:9", presence: true };
    const names = async () =>
      (await t.core.presence.list(t.service, "files:9")).members?.map(({ id }) => id);
    await create(t, { user_id: "ada" });
    const ada = await opened(t);
    expect(await ask(t, ada, files)).toMatchObject([{ result: { presence: { count: 1 } } }]);
    await t.core.channels.purge(t.service, channel);
    await t.clock.settle();
    expect(ada.take()).toEqual([{ type: "subscribed", ...pending, channel: "files:9" }]);
    const grants = { subscribe: ["files:*"], publish: [] };
    const bob = t.connect({ principal: t.user("bob", { grants }) });
    await ask(t, bob, files);
    await t.clock.advance(5_000);
    expect(await names()).toEqual(["user:bob"]);
    expect(ada.take()).toEqual([]);
    await create(t, { user_id: "ada" });
    await t.clock.settle();
    expect(ada.take()).toMatchObject([{ type: "subscribed", presence: { count: 2 } }]);
    await ask(t, bob, { type: "unsubscribe", id: 2, channel: "files:9" });
    await t.clock.advance(5_000);
    expect(ada.take()).toMatchObject([{ type: "presence", left: ["user:bob"], count: 1 }]);
  });

  test("[P-OP-10] [P-PRES-2] a client that loses its grant leaves the presence of the channel, and joins it again once it owns the operation", async () => {
    await using t = testCore({ rules: [present] });
    const grants = { subscribe: ["files:*"], publish: [] };
    const ada = t.connect({ principal: t.user("ada", { grants }) });
    await ask(t, ada, { ...subscribe, channel: "files:9", presence: true });
    await ask(t, ada, { type: "auth", id: 2, token: t.token(t.user("ada")) });
    await t.clock.advance(5_000);
    expect(await t.core.presence.list(t.service, "files:9")).toMatchObject({ count: 0 });
    ada.take();
    await create(t, { user_id: "ada" });
    await t.clock.settle();
    expect(ada.take()).toMatchObject([{ type: "subscribed", presence: { count: 1 } }]);
  });

  test("[P-OP-10] a new token counts for a subscription whose operation is being looked up for the old one", async () => {
    let release = () => {};
    let looks = 0;
    await using t = testCore({
      engine: (context) => {
        const made = memoryEngine()(context);
        const { log } = made;
        const peek: typeof log.peek = async (...args) => {
          const found = await log.peek(...args);
          // The second look-up is the one that counts.
          if (++looks === 2) await new Promise<void>((resolve) => (release = resolve));
          return found;
        };
        return { ...made, log: altered(log, { peek }) };
      },
    });
    const ada = await opened(t);
    expect(await ask(t, ada, subscribe)).toEqual([]);
    const grants = { subscribe: ["operation:*"], publish: [] };
    ada.send({ type: "auth", id: 2, token: t.token(t.user("ada", { grants })) });
    await t.clock.settle();
    release();
    await t.clock.settle();
    const [renewed, subscribed] = ada.take();
    expect(renewed).toMatchObject({ id: 2, result: {} });
    expect(subscribed).toMatchObject({ id: 1, result: { channel } });
    expect(subscribed?.result).not.toHaveProperty("pending");
  });

  test("[P-OP-10] a durable subscriber of an operation that another user creates anew is ended and receives nothing of it", async () => {
    await using t = testCore();
    await create(t, { user_id: "ada" });
    const socket = await opened(t);
    await ask(t, socket, { ...subscribe, as: "me", since: "start" });
    await t.core.channels.purge(t.service, channel);
    await create(t, { user_id: "bob" });
    await t.clock.advance(30_000);
    expect(socket.take()).toMatchObject([{ type: "unsubscribed", channel, reason: "forbidden" }]);
  });
});

describe("the cost of waiting for operations", () => {
  test("[P-OP-11] operations that never appear cost one place each, and nothing in the store once they were looked up", async () => {
    const calls = new Map<string, number>();
    const counted =
      (factory: EngineFactory): EngineFactory =>
      (context) => {
        const made = factory(context);
        const of = <T extends object>(port: T, label: string): T =>
          new Proxy(port, {
            get: (target, name) => {
              const method: unknown = Reflect.get(target, name);
              if (typeof method !== "function") return method;
              return (...args: unknown[]) => {
                const what = `${label}.${String(name)} ${String(args[0]).split(":")[0]}`;
                calls.set(what, (calls.get(what) ?? 0) + 1);
                return Reflect.apply(method, target, args);
              };
            },
          });
        return { ...made, log: of(made.log, "log"), bus: of(made.bus, "bus") };
      };
    await using t = new Pair({ limits: highRates }, counted);
    const sockets = await Promise.all(Array.from({ length: 20 }, (_, n) => opened(t.a, `u${n}`)));
    for (const [n, socket] of sockets.entries()) {
      for (let i = 0; i < 100; i++) {
        socket.send({ type: "subscribe", id: i, channel: `operation:none-${n}-${i}` });
      }
    }
    await t.clock.settle();
    for (const socket of sockets) expect(socket.take()).toHaveLength(100);
    expect(calls.get("log.snapshot operation") ?? 0).toBe(0);
    expect(calls.get("log.read operation") ?? 0).toBe(0);
    expect(calls.get("bus.subscribe operation") ?? 0).toBe(0);
    expect(calls.get("bus.subscribe gateway")).toBe(1);
    const looks = calls.get("log.peek operation");
    expect(looks).toBeLessThanOrEqual(4_000);
    expect(t.a.core.stats()).toMatchObject({ channels: 1, subscriptions: 2_000 });
    for (let i = 0; i < 50; i++) await create(t.b, { user_id: "bob" }, `other-${i}`);
    await t.clock.advance(600_000);
    expect(calls.get("log.peek operation")).toBe(looks);
    for (const socket of sockets) socket.drop();
    await t.clock.settle();
    expect(t.a.core.stats()).toMatchObject({ channels: 0, subscriptions: 0 });
  });

  test("[P-OP-11] a node refuses more pending subscriptions than its limit, and takes others when some have ended", async () => {
    await using t = new Pair({ limits: { maxPendingSubscriptions: 2 } });
    await create(t.b, { user_id: "ada" }, "own");
    const [one, two] = [await opened(t.a), await opened(t.a)];
    await ask(t.a, one, { ...subscribe, channel: "operation:1" });
    await ask(t.a, one, { ...subscribe, channel: "operation:2" });
    const refused = await ask(t.a, two, subscribe);
    expect(refused).toMatchObject([{ id: 1, error: { code: "rate_limited", retryable: true } }]);
    const own = await ask(t.a, two, { ...subscribe, channel: "operation:own" });
    expect(own).toMatchObject([{ result: { snapshot: { state: { id: "own" } } } }]);
    await ask(t.a, one, { type: "unsubscribe", id: 2, channel: "operation:1" });
    expect(await ask(t.a, two, subscribe)).toMatchObject([{ result: pending }]);
  });

  test("[P-OP-9] [G4] a pending subscription becomes live although the bus lost the announcement", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    const socket = await opened(t);
    await ask(t, socket, subscribe);
    faulty.loses = ({ channel: name }) => name === "gateway:operations";
    await create(t, { user_id: "ada" });
    await t.clock.settle();
    expect(socket.take()).toEqual([]);
    await t.clock.advance(26_000);
    expect(socket.take()).toMatchObject([{ type: "subscribed", snapshot: {} }]);
  });

  test("[P-OP-9] an announcement that the store refuses is stored later", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    const socket = await opened(t);
    await ask(t, socket, subscribe);
    faulty.refuses = ({ event }) => event === "operations";
    await create(t, { user_id: "ada" });
    await t.clock.advance(20_000);
    expect(socket.take()).toEqual([]);
    faulty.refuses = () => false;
    await t.clock.advance(31_000);
    expect(socket.take()).toMatchObject([{ type: "subscribed", snapshot: {} }]);
  });

  test("[P-OP-9] an operation that cannot be looked up when it is announced is looked up again", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    let isDown = false;
    const broken: EngineFactory = (context) => {
      const made = engine.factory(context);
      const log = altered(made.log, {
        peek: async (...args) => {
          if (isDown) throw new Error("the store does not answer");
          return made.log.peek(...args);
        },
      });
      return { ...made, log };
    };
    await using a = testCore({ clock, random: new SeededRandom(1), node: "a", engine: broken });
    await using b = testCore({
      clock,
      random: new SeededRandom(2),
      node: "b",
      engine: engine.factory,
    });
    const socket = await opened(a);
    await ask(a, socket, subscribe);
    isDown = true;
    await create(b, { user_id: "ada" });
    await clock.advance(5_000);
    expect(socket.take()).toEqual([]);
    isDown = false;
    await clock.advance(10_000);
    expect(socket.take()).toMatchObject([{ type: "subscribed", snapshot: {} }]);
  });
});

import type { EngineFactory } from "@milepost/engine";
import { altered, ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import type { CoreLimits } from "../runtime/limits.ts";
import { RecordingMeter, type TestCore, testCore } from "../testing/index.ts";

/** Three nodes on one engine and one clock. A test can make the first node crash. */
class Cluster implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly engine = new SharedEngine(this.clock, new SeededRandom());
  readonly mortal = this.engine.mortal();
  readonly nodes: readonly [TestCore, TestCore, TestCore];

  constructor(limits: Partial<CoreLimits> = {}) {
    this.engine.isShared = true;
    const node = (name: string, n: number, engine = this.engine.factory) =>
      testCore({ clock: this.clock, random: new SeededRandom(n), node: name, engine, limits });
    // The node that dies is created last, so that another node holds the sweep lease.
    const [b, c] = [node("b", 2), node("c", 3)];
    this.nodes = [node("a", 1, this.mortal.factory), b, c];
  }

  /** Returns the names of the operation's events so far. */
  async events(id: string): Promise<readonly string[]> {
    const [, b] = this.nodes;
    const { entries } = await b.core.channels.history(b.service, `operation:${id}`, {
      since: "start",
    });
    return entries.map(({ event }) => event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
  }
}

describe("operations whose node died", () => {
  test("[G9] [S4] another node marks an operation of a dead node stalled, then lost, once each, while its producer is silent", async () => {
    await using t = new Cluster();
    const [a] = t.nodes;
    await a.core.operations.create(a.service, {
      kind: "index",
      operation_id: "9",
      lease_ms: 5_000,
    });
    await t.clock.advance(100);
    t.mortal.die();
    await t.clock.advance(5_000);
    expect(await t.events("9")).toEqual(["created"]);
    await t.clock.advance(2_000 + 2_000 + 100);
    expect(await t.events("9")).toEqual(["created", "stalled"]);
    await t.clock.advance(60_000);
    expect(await t.events("9")).toEqual(["created", "stalled", "lost"]);
  });

  test("[G9] no node marks an operation stalled while its producer reports to any node", async () => {
    await using t = new Cluster();
    const [a, b] = t.nodes;
    const { lease } = await a.core.operations.create(a.service, {
      kind: "index",
      operation_id: "9",
      lease_ms: 5_000,
    });
    await t.clock.advance(100);
    t.mortal.die();
    for (let n = 0; n < 10; n++) {
      await t.clock.advance(4_000);
      await b.core.operations.report(b.service, "9", { lease: lease.token, events: [] });
    }
    expect(await t.events("9")).toEqual(["created"]);
  });

  test("[G9] when an operation's node has died, another node times out its commands once", async () => {
    await using t = new Cluster();
    const [a] = t.nodes;
    await a.core.operations.create(a.service, {
      kind: "index",
      operation_id: "9",
      lease_ms: 600_000,
    });
    await a.core.operations.command(a.service, "9", { command: "cancel" });
    await t.clock.advance(100);
    t.mortal.die();
    await t.clock.advance(60_000);
    const [, b] = t.nodes;
    const { operation } = await b.core.operations.get(b.service, "9");
    expect(operation.commands).toMatchObject([{ command: "cancel", phase: "timed_out" }]);
    expect(await t.events("9")).toEqual(["created", "command", "command"]);
  });

  /** Time within which a surviving node notices what a dead node watched, in milliseconds. */
  const noticedMs = 14_000;

  test("[G9] an operation taken over with a shorter lease at a node that died is marked stalled by a node that knows only the longer lease", async () => {
    await using t = new Cluster();
    const [a, b] = t.nodes;
    await b.core.operations.create(b.service, { kind: "index", operation_id: "9" });
    await a.core.operations.takeOver(a.service, "9", 2_000);
    await t.clock.advance(100);
    t.mortal.die();
    await t.clock.advance(2_000 + noticedMs);
    expect(await t.events("9")).toEqual(["created", "stalled"]);
    await t.clock.advance(20_000 + noticedMs);
    expect(await t.events("9")).toEqual(["created", "stalled", "lost"]);
  });

  test("[G9] an operation taken over at another node and back is marked stalled by its latest lease", async () => {
    await using t = new Cluster();
    const [a, b] = t.nodes;
    await a.core.operations.create(a.service, { kind: "index", operation_id: "9" });
    await b.core.operations.takeOver(b.service, "9", 60_000);
    await a.core.operations.takeOver(a.service, "9", 2_000);
    await t.clock.advance(100);
    t.mortal.die();
    await t.clock.advance(2_000 + noticedMs);
    expect(await t.events("9")).toEqual(["created", "stalled"]);
  });

  test("[G9] [P-CMD-3] a command requested at a node that died times out 15 s after the request, at a node that knows the operation without it", async () => {
    await using t = new Cluster();
    const [a, b] = t.nodes;
    await b.core.operations.create(b.service, {
      kind: "index",
      operation_id: "9",
      lease_ms: 600_000,
    });
    await a.core.operations.command(a.service, "9", { command: "cancel" });
    await t.clock.advance(100);
    t.mortal.die();
    await t.clock.advance(15_000 - 100 - 1_000);
    expect(await t.events("9")).toEqual(["created", "command"]);
    await t.clock.advance(1_000 + noticedMs);
    const { operation } = await b.core.operations.get(b.service, "9");
    expect(operation.commands).toMatchObject([{ command: "cancel", phase: "timed_out" }]);
  });

  test("[G9] [P-CMD-3] an acknowledged command of a dead node times out 60 s after its acknowledgement, at a node that never saw the operation", async () => {
    await using t = new Cluster();
    const [a, b] = t.nodes;
    const { lease } = await a.core.operations.create(a.service, {
      kind: "index",
      operation_id: "9",
      lease_ms: 600_000,
    });
    const { command_id } = await a.core.operations.command(a.service, "9", { command: "cancel" });
    const data = { command_id, command: "cancel", phase: "acknowledged" };
    await t.clock.advance(10_000);
    await a.core.operations.report(a.service, "9", {
      lease: lease.token,
      events: [{ event: "command", data }],
    });
    await t.clock.advance(100);
    t.mortal.die();
    await t.clock.advance(60_000 - 100 - 1_000);
    expect(await t.events("9")).toEqual(["created", "command", "command"]);
    await t.clock.advance(1_000 + noticedMs);
    const { operation } = await b.core.operations.get(b.service, "9");
    expect(operation.commands).toMatchObject([{ phase: "timed_out" }]);
  });

  test("[G9] a node that knows only an operation's longer lease does not hide the shorter one of a node that then dies", async () => {
    // The command is not overdue first, which would make the node read the lease.
    await using t = new Cluster({ commandAckMs: 100_000 });
    const [a, b] = t.nodes;
    await b.core.operations.create(b.service, { kind: "index", operation_id: "9" });
    await a.core.operations.takeOver(a.service, "9", 2_000);
    // The command makes the node with the old knowledge write the operation's index entry again.
    await b.core.operations.command(b.service, "9", { command: "cancel" });
    await t.clock.advance(100);
    t.mortal.die();
    await t.clock.advance(2_000 + noticedMs);
    expect(await t.events("9")).toContain("stalled");
  });

  test("[G9] an operation that was cancelled meanwhile at a node that died gets no further event", async () => {
    await using t = new Cluster();
    const [a, b] = t.nodes;
    await b.core.operations.create(b.service, { kind: "index", operation_id: "9" });
    const lease = await a.core.operations.takeOver(a.service, "9", 2_000);
    await a.core.operations.report(a.service, "9", {
      lease: lease.token,
      events: [{ event: "cancelled", data: {} }],
    });
    await t.clock.advance(100);
    t.mortal.die();
    await t.clock.advance(400_000);
    expect(await t.events("9")).toEqual(["created", "cancelled"]);
  });

  test("[G9] a failing sweep of the registry does not keep a node from marking operations of a dead node stalled", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const mortal = engine.mortal();
    const broken: EngineFactory = (context) => {
      const made = engine.factory(context);
      const sweep = () => Promise.reject(new Error("the registry is of another type"));
      return { ...made, registry: altered(made.registry, { sweep }) };
    };
    await using b = testCore({ clock, random: new SeededRandom(2), node: "b", engine: broken });
    await using a = testCore({
      clock,
      random: new SeededRandom(1),
      node: "a",
      engine: mortal.factory,
    });
    const lease_ms = 5_000;
    await a.core.operations.create(a.service, { kind: "index", operation_id: "9", lease_ms });
    mortal.die();
    await clock.advance(5_000 + noticedMs);
    const { operation } = await b.core.operations.get(b.service, "9");
    expect(operation.status).toBe("stalled");
  });

  test("[G9] an operation that cannot be read does not keep a node from marking the others of a dead node stalled", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const mortal = engine.mortal();
    const broken: EngineFactory = (context) => {
      const made = engine.factory(context);
      const log = altered(made.log, {
        peek: async (...args) => {
          if (args[0] === "operation:broken") throw new Error("the log is of another type");
          return made.log.peek(...args);
        },
      });
      return { ...made, log };
    };
    await using b = testCore({ clock, random: new SeededRandom(2), node: "b", engine: broken });
    await using a = testCore({
      clock,
      random: new SeededRandom(1),
      node: "a",
      engine: mortal.factory,
    });
    for (const operation_id of ["broken", "9"]) {
      await a.core.operations.create(a.service, { kind: "index", operation_id, lease_ms: 5_000 });
      await clock.advance(10);
    }
    mortal.die();
    await clock.advance(5_000 + noticedMs);
    const { operation } = await b.core.operations.get(b.service, "9");
    expect(operation.status).toBe("stalled");
  });

  test("[G9] [S7] two nodes that create and later find overdue the same operation at the same moment write and count each event once", async () => {
    await using t = new Cluster();
    const { clock, engine } = t;
    let isSlow = false;
    // Every snapshot takes a while to arrive, so each node decides before it can see what the other wrote.
    const slow: EngineFactory = (context) => {
      const made = engine.factory(context);
      const log = altered(made.log, {
        peek: async (...args) => {
          const read = await made.log.peek(...args);
          if (isSlow) await new Promise<void>((resolve) => clock.after(100, resolve));
          return read;
        },
      });
      return { ...made, log };
    };
    const meters = [new RecordingMeter(), new RecordingMeter()] as const;
    const counted = (event: string) => {
      const [first, second] = meters.map((m) => m.count(`milepost_operations_${event}_total`));
      return (first ?? 0) + (second ?? 0);
    };
    const node = (n: number, meter: RecordingMeter) =>
      testCore({ clock, random: new SeededRandom(n), node: `slow-${n}`, engine: slow, meter });
    await using one = node(5, meters[0]);
    await using two = node(6, meters[1]);
    const wanted = { kind: "index", operation_id: "9", lease_ms: 5_000 };
    isSlow = true;
    const creations = [one, two].map((t) => t.core.operations.create(t.service, wanted));
    await clock.advance(200);
    const created = await Promise.all(creations);
    expect(created.map(({ duplicate }) => duplicate).toSorted()).toEqual([false, true]);
    expect(counted("created")).toBe(1);
    await clock.advance(5_400);
    expect(await t.events("9")).toEqual(["created", "stalled"]);
    await clock.advance(120_000);
    expect(await t.events("9")).toEqual(["created", "stalled", "lost"]);
    expect(counted("stalled")).toBe(1);
    expect(counted("lost")).toBe(1);
  });
});

test("[P-EST-11] runs that end at any node teach every node, and another node goes on with the estimates of a dead one", async () => {
  await using t = new Cluster();
  const [a, b, c] = t.nodes;
  const lease_ms = 3_600_000;
  const report = (node: TestCore, id: string, lease: string, event: string, data: object = {}) =>
    node.core.operations.report(node.service, id, { lease, events: [{ event, data }] });
  const create = (node: TestCore) =>
    node.core.operations.create(node.service, { kind: "index", lease_ms });
  for (const node of [a, b, c, a, b, c]) {
    const { operation, lease } = await create(node);
    await report(node, operation.id, lease.token, "started");
    await t.clock.advance(20_000);
    await report(node, operation.id, lease.token, "progress", { percent: 50 });
    await t.clock.advance(20_000);
    await report(node, operation.id, lease.token, "done");
  }
  const { operation, lease } = await create(a);
  await report(a, operation.id, lease.token, "started");
  const look = async () => (await b.core.operations.get(b.service, operation.id)).operation;
  expect((await look()).estimate).toMatchObject({ basis: 6 });
  t.mortal.die();
  await t.clock.advance(20_000);
  await report(b, operation.id, lease.token, "progress", { percent: 50 });
  const { estimate } = await look();
  expect(Math.abs((estimate?.remaining?.p50_ms ?? 0) - 20_000)).toBeLessThan(2_000);
  await t.clock.advance(100_000);
  expect((await look()).estimate?.slower_than_usual).toBe(true);
  await report(c, operation.id, lease.token, "done");
  const learned = await t.engine
    .factory({ clock: t.clock, random: new SeededRandom() })
    .durations.get("index");
  expect(learned?.records).toHaveLength(7);
});

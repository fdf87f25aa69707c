import type { EngineFactory } from "@milepost/engine";
import { altered, ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";
import { rolledUp } from "./tree-rollup.ts";

async function create(node: TestCore, id: string, rest: object = {}): Promise<string> {
  const input = { kind: "k", operation_id: id, lease_ms: 3_600_000, ...rest };
  return (await node.core.operations.create(node.service, input)).lease.token;
}

async function report(node: TestCore, id: string, lease: string, ...events: [string, object][]) {
  return node.core.operations.report(node.service, id, {
    lease,
    events: events.map(([event, data]) => ({ event, data })),
  });
}

async function stateOf(node: TestCore, id: string) {
  return (await node.core.operations.get(node.service, id)).operation;
}

describe("trees of operations", () => {
  test("[P-TREE-3] the percentage of a parent is the weighted mean of its children's, over three levels", async () => {
    await using node = testCore();
    await create(node, "root");
    await create(node, "mid", { parent: "root", weight: 3 });
    await create(node, "side", { parent: "root" });
    const a = await create(node, "a", { parent: "mid", weight: 2 });
    const b = await create(node, "b", { parent: "mid" });
    await report(
      node,
      "a",
      a,
      ["progress", { percent: 50 }],
      ["count", { name: "cost", add: "0.1" }],
    );
    await report(node, "b", b, ["count", { name: "cost", add: "0.2" }], ["done", {}]);
    await node.clock.advance(1_000);
    expect(await stateOf(node, "mid")).toMatchObject({
      percent: 66.66,
      counters: { cost: "0.3" },
      children: { total: 2, statuses: { done: 1, running: 1 } },
    });
    expect(await stateOf(node, "root")).toMatchObject({
      percent: 49.99,
      counters: { cost: "0.3" },
    });
    await report(node, "b", b, ["started", { attempt: 2 }]);
    await node.clock.advance(1_000);
    expect(await stateOf(node, "mid")).toMatchObject({ percent: 33.33, counters: { cost: "0.3" } });
    const { offset } = await stateOf(node, "mid");
    await node.clock.advance(60_000);
    expect((await stateOf(node, "mid")).offset).toBe(offset);
  });

  test("[P-TREE-3] a node that read the children before another node reported does not leave its older report", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    let hold: Promise<void> | undefined;
    let release: () => void = () => {};
    const slow: EngineFactory = (context) => {
      const made = engine.factory(context);
      const list: typeof made.operations.list = async (query) => {
        const found = await made.operations.list(query);
        if (query.parent !== undefined) await hold;
        return found;
      };
      return { ...made, operations: altered(made.operations, { list }) };
    };
    await using a = testCore({ clock, engine: slow, node: "a" });
    await using b = testCore({ clock, engine: engine.factory, node: "b" });
    await create(a, "root");
    const lease = await create(a, "child", { parent: "root" });
    await clock.advance(1_000);
    for (const releasedFirst of [true, false]) {
      hold = new Promise((resolve) => {
        release = resolve;
      });
      const percent = releasedFirst ? 10 : 50;
      await report(a, "child", lease, ["progress", { percent }]);
      await clock.advance(300);
      // Node a has read the children, and its report is on the way.
      if (releasedFirst) release();
      await report(b, "child", lease, ["progress", { percent: percent + 30 }]);
      await clock.advance(300);
      release();
      hold = undefined;
      await clock.advance(2_000);
      expect(await stateOf(b, "root")).toMatchObject({ percent: percent + 30 });
    }
  });

  test("[P-TREE-3] many changes of many children become a few reports to the parent", async () => {
    await using node = testCore();
    await create(node, "root");
    const leases = await Promise.all(
      Array.from({ length: 50 }, (_, i) => create(node, `c${i}`, { parent: "root" })),
    );
    for (let percent = 10; percent <= 40; percent += 10) {
      await Promise.all(
        leases.map((lease, i) => report(node, `c${i}`, lease, ["progress", { percent }])),
      );
    }
    await node.clock.advance(300);
    const state = await stateOf(node, "root");
    expect(state).toMatchObject({ percent: 40, children: { total: 50 } });
    expect(state.offset).toBeLessThanOrEqual(3);
  });

  test("[P-TREE-4] a parent must exist for the same API key, live, be another operation, and not be too deep", async () => {
    await using node = testCore();
    const other = { ...node.service, name: "other" };
    const lease = await create(node, "p");
    const child = (id: string, parent: string, by = node.service) =>
      node.core.operations.create(by, { kind: "k", operation_id: id, parent });
    await expect(child("x", "missing")).rejects.toMatchObject({ code: "not_found" });
    await expect(child("x", "p", other)).rejects.toMatchObject({ code: "not_found" });
    await expect(child("x", "x")).rejects.toMatchObject({ code: "bad_message" });
    let parent = "p";
    for (let level = 2; level <= 8; level++) {
      await child(`l${level}`, parent);
      parent = `l${level}`;
    }
    await expect(child("l9", parent)).rejects.toMatchObject({ code: "not_possible_now" });
    await node.core.channels.purge(node.service, "operation:p");
    await expect(child("p", "l3")).rejects.toMatchObject({ code: "bad_message" });
    const again = await create(node, "q");
    await report(node, "q", again, ["done", {}]);
    await expect(child("x", "q")).rejects.toMatchObject({ code: "not_possible_now" });
    expect(lease).toBeDefined();
  });

  test("[P-TREE-3] a parent that has ended keeps its percentage, and a deleted child no longer counts", async () => {
    await using node = testCore();
    const p = await create(node, "p");
    await create(node, "a", { parent: "p" });
    const b = await create(node, "b", { parent: "p" });
    await report(node, "b", b, ["progress", { percent: 30 }]);
    await node.core.channels.purge(node.service, "operation:a");
    await node.clock.advance(1_000);
    await report(node, "p", p, ["done", {}]);
    await report(node, "b", b, ["done", {}]);
    await node.clock.advance(1_000);
    const state = await stateOf(node, "p");
    expect(state).toMatchObject({ status: "done", percent: 100 });
    expect(state.children).toMatchObject({ total: 1, statuses: { done: 1 } });
  });

  test("[P-TREE-6] [G8] what a dead node did not report to the parents of three levels, another node reports within 2 s, without the sweep lease", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const mortal = engine.mortal();
    const node = (name: string, seed: number, of = engine.factory) =>
      testCore({ clock, random: new SeededRandom(seed), node: name, engine: of });
    // The node that dies began first, so it holds the sweep lease.
    await using a = node("a", 1, mortal.factory);
    await clock.advance(2_100);
    await using b = node("b", 2);
    await create(a, "root");
    await create(a, "mid", { parent: "root" });
    const lease = await create(a, "c", { parent: "mid" });
    // The heartbeats of the other node are 400 ms and 2,400 ms later.
    await clock.advance(1_600);
    await report(a, "c", lease, ["progress", { percent: 42 }]);
    mortal.die();
    expect((await stateOf(b, "root")).percent).toBe(0);
    await clock.advance(1_500);
    expect((await stateOf(b, "mid")).percent).toBe(42);
    expect((await stateOf(b, "root")).percent).toBe(42);
    const { offset } = await stateOf(b, "root");
    await clock.advance(30_000);
    expect((await stateOf(b, "root")).offset).toBe(offset);
  });

  test("[P-TREE-6] a node that dies between the log of a parent and its index entry leaves the grandparent to another node", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    const mortal = engine.mortal();
    const dying: EngineFactory = (context) => {
      const made = mortal.factory(context);
      const append: typeof made.log.append = async (channel, entry, policy) => {
        const appended = await made.log.append(channel, entry, policy);
        if (channel === "operation:mid" && entry.event === "children" && isArmed) mortal.die();
        return appended;
      };
      return { ...made, log: altered(made.log, { append }) };
    };
    let isArmed = false;
    await using a = testCore({ clock, random: new SeededRandom(1), node: "a", engine: dying });
    await using b = testCore({
      clock,
      random: new SeededRandom(2),
      node: "b",
      engine: engine.factory,
    });
    await create(a, "root");
    await create(a, "mid", { parent: "root" });
    const lease = await create(a, "c", { parent: "mid" });
    await clock.advance(1_000);
    await report(a, "c", lease, ["progress", { percent: 42 }]);
    isArmed = true;
    await clock.advance(300);
    expect((await stateOf(b, "mid")).percent).toBe(42);
    expect((await stateOf(b, "root")).percent).toBe(0);
    await clock.advance(2_000);
    expect((await stateOf(b, "root")).percent).toBe(42);
  });

  test("[P-TREE-3] children without a weight leave the percentage of their parent alone", () => {
    expect(rolledUp([])).toEqual({ total: 0, statuses: {} });
  });

  test("[P-LIVE-1] an operation whose beat says until when nothing moves is stalled after that time, at most an hour later", async () => {
    await using node = testCore();
    const lease = await create(node, "a", { lease_ms: 10_000 });
    const until = node.clock.now() + 60_000;
    await report(node, "a", lease, ["beat", { reason: "in a child process", until }]);
    await node.clock.advance(55_000);
    expect(await stateOf(node, "a")).toMatchObject({
      status: "waiting",
      busy: { reason: "in a child process", until },
    });
    await node.clock.advance(6_000);
    expect((await stateOf(node, "a")).status).toBe("stalled");
    await report(node, "a", lease, ["beat", { reason: "asleep", until: 9e12 }]);
    await node.clock.advance(3_590_000);
    expect((await stateOf(node, "a")).status).toBe("waiting");
    await node.clock.advance(20_000);
    expect((await stateOf(node, "a")).status).toBe("stalled");
  });

  test("[P-TREE-5] operations are listed by tag and by parent, for a user only its own", async () => {
    await using node = testCore();
    await create(node, "p", { user_id: "7", tags: ["nightly"] });
    await create(node, "c", { parent: "p", user_id: "8", tags: ["nightly"] });
    const list = async (filter: object, by: Parameters<typeof node.core.operations.list>[0]) =>
      (await node.core.operations.list(by, filter)).operations.map((one) => one.operation_id);
    expect([...(await list({ tag: "nightly" }, node.service))].sort()).toEqual(["c", "p"]);
    expect(await list({ parent: "p" }, node.service)).toEqual(["c"]);
    const user = { kind: "user", user: "7" } as Parameters<typeof node.core.operations.list>[0];
    expect(await list({ tag: "nightly" }, user)).toEqual(["p"]);
  });

  test("[P-TREE-5] the channel of a tag has the summaries of a user's operations with it, and only that user reads it", async () => {
    await using node = testCore();
    const lease = await create(node, "a", { user_id: "7", tags: ["nightly", "eu"] });
    await create(node, "b", { user_id: "7", tags: ["nightly"] });
    await create(node, "c", { user_id: "8", tags: ["nightly"] });
    await report(node, "a", lease, ["progress", { percent: 40 }]);
    await node.clock.advance(1_000);
    const { snapshot } = node.core.channels;
    const read = (channel: string, user: string) =>
      snapshot.call(node.core.channels, node.user(user), channel);
    const ids = (found: Awaited<ReturnType<typeof read>>) =>
      Object.fromEntries(
        Object.entries((found.snapshot?.state ?? {}) as Record<string, { percent: number }>).map(
          ([id, { percent }]) => [id, percent],
        ),
      );
    expect(ids(await read("user:7:tag:nightly", "7"))).toEqual({ a: 40, b: 0 });
    expect(ids(await read("user:7:tag:eu", "7"))).toEqual({ a: 40 });
    await expect(read("user:7:tag:nightly", "8")).rejects.toMatchObject({ code: "forbidden" });
  });
});

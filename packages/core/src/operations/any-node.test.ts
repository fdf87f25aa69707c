import type { EngineFactory } from "@milepost/engine";
import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";

/** Three nodes on one engine and one clock. A test can make the first node crash. */
class Cluster implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly engine = new SharedEngine(this.clock, new SeededRandom());
  readonly mortal = this.engine.mortal();
  readonly nodes: readonly [TestCore, TestCore, TestCore];

  constructor() {
    this.engine.isShared = true;
    const node = (name: string, n: number, engine = this.engine.factory) =>
      testCore({ clock: this.clock, random: new SeededRandom(n), node: name, engine });
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

  test("[G9] two nodes that find the same operation overdue at the same moment write each event once", async () => {
    await using t = new Cluster();
    const { clock, engine } = t;
    let isSlow = false;
    // Every snapshot takes a while to arrive, so each node decides before it can see what the other wrote.
    const slow: EngineFactory = (context) => {
      const made = engine.factory(context);
      const { log } = made;
      const on = new Proxy(log, {
        get: (target, name) =>
          name !== "snapshot"
            ? Reflect.get(target, name).bind(target)
            : async (...args: Parameters<typeof log.snapshot>) => {
                const read = await target.snapshot(...args);
                if (isSlow) await new Promise<void>((resolve) => clock.after(100, resolve));
                return read;
              },
      });
      return { ...made, log: on };
    };
    const node = (n: number) =>
      testCore({ clock, random: new SeededRandom(n), node: `slow-${n}`, engine: slow });
    await using one = node(5);
    await using two = node(6);
    const { lease } = await one.core.operations.create(one.service, {
      kind: "index",
      operation_id: "9",
      lease_ms: 5_000,
    });
    await two.core.operations.report(two.service, "9", { lease: lease.token, events: [] });
    isSlow = true;
    await clock.advance(5_400);
    expect(await t.events("9")).toEqual(["created", "stalled"]);
    await clock.advance(120_000);
    expect(await t.events("9")).toEqual(["created", "stalled", "lost"]);
  });
});

import { memoryEngine } from "@milepost/engine";
import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import { readPosition, type Since } from "@milepost/protocol";
import { describe, expect, test, vi } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";
import type { CompactedEntry, Compactor } from "./compactor.ts";

const rules = [
  {
    pattern: "small:{set}",
    subscribe: "authenticated",
    publish: "authenticated",
    retention: { maxEntries: 40, maxAgeMs: 3_600_000 },
    compact: "set",
  },
  {
    pattern: "set:{set}",
    subscribe: "authenticated",
    publish: "authenticated",
    retention: { maxEntries: 400, maxAgeMs: 3_600_000 },
    compact: "set",
  },
] as const;

/** Numbers that an entry says: one of its own, or all of a compaction. */
function numbersOf({ event, json }: CompactedEntry): number[] {
  const data = JSON.parse(json) as number | number[];
  return event === "whole" ? (data as number[]) : [data as number];
}

/** Compactor of a set of numbers. It puts them into parts of 100. */
function setCompactor(): Compactor & { readonly calls: number; hold(): () => void } {
  let calls = 0;
  let held: Promise<void> | undefined;
  return {
    event: "whole",
    get calls() {
      return calls;
    },
    /** Keeps later compactions waiting until the returned function is called. */
    hold() {
      let release = () => {};
      held = new Promise((resolve) => {
        release = resolve;
      });
      return release;
    },
    async compact(entries) {
      calls++;
      await held;
      const all = [...new Set(entries.flatMap(numbersOf))];
      const parts = Math.ceil(all.length / 100);
      return Array.from({ length: parts }, (_, n) =>
        JSON.stringify(all.slice(n * 100, n * 100 + 100)),
      );
    },
  };
}

async function publish(t: TestCore, from: number, to: number, channel = "set:1"): Promise<void> {
  for (let n = from; n <= to; n++) await t.publish(channel, "add", n);
}

async function content(t: TestCore): Promise<{ kept: number; numbers: number[] }> {
  const entries: CompactedEntry[] = [];
  let since: Since = "start";
  for (;;) {
    const page = await t.core.channels.history(t.service, "set:1", { since, limit: 1_000 });
    if (page.entries.length === 0) break;
    since = readPosition(page.position) ?? "now";
    for (const { event, data } of page.entries) entries.push({ event, json: JSON.stringify(data) });
  }
  const numbers = [...new Set(entries.flatMap(numbersOf))].sort((a, b) => a - b);
  return { kept: entries.length, numbers };
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n + 1);
}

describe("compaction of logs", () => {
  test("[P-STORE-8] a log stays short however much is published, and says the same as all of its entries", async () => {
    const compactor = setCompactor();
    await using t = testCore({ rules, compactors: { set: compactor } });
    await publish(t, 1, 2_000);
    await t.clock.settle();
    const { kept, numbers } = await content(t);
    expect(numbers).toEqual(upTo(2_000));
    expect(kept).toBeLessThan(400);
    expect(compactor.calls).toBeGreaterThan(3);
  });

  test("[P-STORE-8] entries that are published while a compaction runs are kept", async () => {
    const compactor = setCompactor();
    await using t = testCore({ rules, compactors: { set: compactor } });
    const release = compactor.hold();
    await publish(t, 1, 300);
    await t.clock.settle();
    expect(compactor.calls).toBe(1);
    await publish(t, 301, 330);
    release();
    await t.clock.settle();
    const { kept, numbers } = await content(t);
    expect(numbers).toEqual(upTo(330));
    expect(kept).toBeLessThan(100);
  });

  test("[P-STORE-8] a full log refuses further publishes as store_full until its compaction, and loses nothing", async () => {
    const compactor = setCompactor();
    await using t = testCore({ rules, compactors: { set: compactor } });
    const release = compactor.hold();
    await publish(t, 1, 400);
    await expect(t.publish("set:1", "add", 401)).rejects.toMatchObject({ code: "store_full" });
    release();
    await t.clock.settle();
    await t.publish("set:1", "add", 401);
    expect((await content(t)).numbers).toEqual(upTo(401));
  });

  test("a log that is full before a node looks at it is compacted when it refuses a publish", async () => {
    const compactor = setCompactor();
    await using t = testCore({ rules, compactors: { set: compactor } });
    await publish(t, 1, 40, "small:1");
    await t.clock.settle();
    expect(compactor.calls).toBe(0);
    await expect(t.publish("small:1", "add", 41)).rejects.toMatchObject({ code: "store_full" });
    await t.clock.settle();
    expect(compactor.calls).toBe(1);
    await t.publish("small:1", "add", 41);
  });

  test("a compactor that fails leaves the log as it was, and is tried again with entries half a minute later", async () => {
    const failing = vi.fn(async (): Promise<readonly string[]> => {
      throw new Error("they do not say the same");
    });
    await using t = testCore({
      rules,
      compactors: { set: { event: "whole", compact: failing } },
    });
    await publish(t, 1, 256);
    await t.clock.settle();
    expect(failing).toHaveBeenCalledTimes(1);
    expect((await content(t)).numbers).toEqual(upTo(256));
    expect(t.faults).toContainEqual(
      expect.objectContaining({
        fields: expect.objectContaining({
          err: expect.objectContaining({ message: "cannot compact set:1" }),
        }),
      }),
    );
    await publish(t, 257, 320);
    await t.clock.settle();
    expect(failing).toHaveBeenCalledTimes(1);
    await t.clock.advance(30_000);
    await publish(t, 321, 384);
    await t.clock.settle();
    expect(failing).toHaveBeenCalledTimes(2);
  });

  test("of two nodes that append to a log, the one that holds its lease compacts it", async () => {
    const clock = new ManualClock();
    const shared = new SharedEngine(clock, new SeededRandom());
    const [one, two] = [setCompactor(), setCompactor()];
    await using a = testCore({
      rules,
      engine: shared.factory,
      clock,
      compactors: { set: one },
    });
    await using b = testCore({
      rules,
      engine: shared.factory,
      clock,
      node: "node-2",
      compactors: { set: two },
    });
    const release = one.hold();
    await publish(a, 1, 256);
    await a.clock.settle();
    expect(one.calls).toBe(1);
    await publish(b, 257, 384);
    await a.clock.settle();
    expect(two.calls).toBe(0);
    release();
    await a.clock.settle();
    const { kept, numbers } = await content(b);
    expect(numbers).toEqual(upTo(384));
    expect(kept).toBeLessThan(200);
  });

  test("[P-STORE-8] nobody can publish the event of the compactor, not even a service", async () => {
    await using t = testCore({ rules, compactors: { set: setCompactor() } });
    await expect(t.publish("set:1", "whole", [1])).rejects.toMatchObject({
      code: "invalid_event",
    });
    const own = t.core.channels.publish(t.user("ada"), "set:1", "whole", [1]);
    await expect(own).rejects.toMatchObject({ code: "invalid_event" });
  });

  test("a rule with a compactor that does not exist keeps the node from starting", () => {
    expect(() => testCore({ rules, engine: memoryEngine() })).toThrow(
      'rule "set:{set}": compact names "set"; pass a compactor of that name',
    );
  });

  test("a subscriber that fell behind a compaction is told that entries were trimmed, and continues after them", async () => {
    await using t = testCore({ rules, compactors: { set: setCompactor() } });
    const { position } = await t.publish("set:1", "add", 1);
    await publish(t, 2, 256);
    await t.clock.settle();
    const socket = t.connect({ principal: t.user("ada") });
    socket.send({ type: "subscribe", id: 1, channel: "set:1", since: position });
    await t.clock.settle();
    const messages = socket.take();
    expect(messages).toContainEqual(expect.objectContaining({ type: "gap", reason: "trimmed" }));
    const numbers = messages
      .filter(({ type }) => type === "event")
      .flatMap(({ event, data }) =>
        numbersOf({ event: String(event), json: JSON.stringify(data) }),
      );
    expect(new Set(numbers).size).toBe(256);
  });
});

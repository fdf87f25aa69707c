import { describe, expect, test } from "vitest";
import type { MakeEngine } from "./engine-harness.ts";

const bounds = { maxWaiting: 3, keepMs: 60_000 };
const leaseMs = 30_000;

/** Contract tests of the deliveries to people who are away; every engine runs them. */
export function deliveriesContract(name: string, make: MakeEngine): void {
  describe(`${name} deliveries`, () => {
    test("[P-REACH-6] a delivery is taken once it is due, by one of many nodes that take at the same time", async () => {
      await using harness = await make();
      const { deliveries } = harness.engine;
      expect(await deliveries.add("a", '{"x":"é\\n"}', 1_000, bounds)).toBe(true);
      expect(await deliveries.take(10, leaseMs)).toEqual([]);
      await harness.advance(1_000);
      const taken = await Promise.all(
        Array.from({ length: 20 }, () => deliveries.take(10, leaseMs)),
      );
      expect(taken.flat()).toMatchObject([{ id: "a", content: '{"x":"é\\n"}', attempt: 1 }]);
      expect(await deliveries.count()).toBe(1);
    });

    test("[P-REACH-6] the longest overdue deliveries are taken first, at most as many as asked for", async () => {
      await using harness = await make();
      const { deliveries } = harness.engine;
      for (const [id, dueInMs] of [
        ["late", 300],
        ["first", 100],
        ["second", 200],
      ] as const)
        await deliveries.add(id, "", dueInMs, bounds);
      await harness.advance(1_000);
      const ids = async () => (await deliveries.take(2, leaseMs)).map(({ id }) => id);
      expect([await ids(), await ids(), await ids()]).toEqual([["first", "second"], ["late"], []]);
    });

    test("[P-REACH-6] a delivery whose node died is taken again after the lease, and the dead node's attempt changes nothing", async () => {
      await using harness = await make();
      const { deliveries } = harness.engine;
      await deliveries.add("a", "1", 0, bounds);
      const [first] = await deliveries.take(1, leaseMs);
      await harness.advance(leaseMs - 1);
      expect(await deliveries.take(1, leaseMs)).toEqual([]);
      await harness.advance(1);
      const [second] = await deliveries.take(1, leaseMs);
      expect(second).toMatchObject({ id: "a", attempt: 2 });
      if (first === undefined || second === undefined) throw new Error("nothing was taken");
      expect(await deliveries.settle(first, undefined, bounds)).toBe(false);
      expect(await deliveries.settle(first, { dueInMs: 0 }, bounds)).toBe(false);
      expect(await deliveries.settle(second, undefined, bounds)).toBe(true);
      expect(await deliveries.settle(second, undefined, bounds)).toBe(false);
      expect(await deliveries.count()).toBe(0);
    });

    test("[P-REACH-13] waiting deliveries are listed, the next due first, and one that nobody attempts can be made due at once", async () => {
      await using harness = await make();
      const { deliveries } = harness.engine;
      await deliveries.add("late", "2", 50_000, bounds);
      await deliveries.add("soon", "1", 20_000, bounds);
      const ids = async (limit: number) => (await deliveries.list(limit)).map(({ id }) => id);
      expect(await ids(10)).toEqual(["soon", "late"]);
      expect(await ids(1)).toEqual(["soon"]);
      expect((await deliveries.list(10, 1)).map(({ id }) => id)).toEqual(["late"]);
      expect(await deliveries.list(10, 2)).toEqual([]);
      expect(await deliveries.hasten("late")).toBe(true);
      expect(await deliveries.hasten("late")).toBe(true);
      expect(await deliveries.hasten("nothing")).toBe(false);
      const [first] = await deliveries.list(1);
      expect(first).toMatchObject({ id: "late", content: "2", attempts: 0, isTaken: false });
      expect(first?.dueInMs).toBeLessThanOrEqual(0);
      const [taken] = await deliveries.take(1, leaseMs);
      expect(taken).toMatchObject({ id: "late", attempt: 1 });
      expect(await deliveries.hasten("late")).toBe(false);
      const found = (await deliveries.list(10)).find(({ id }) => id === "late");
      expect(found).toMatchObject({ attempts: 1, isTaken: true });
      if (taken === undefined) throw new Error("nothing was taken");
      await deliveries.settle(taken, { dueInMs: 40_000 }, bounds);
      expect(await deliveries.hasten("late")).toBe(true);
      expect(await deliveries.take(1, leaseMs)).toMatchObject([{ id: "late", attempt: 2 }]);
    });

    test("[P-REACH-6] a further attempt is due when it says, with its new content, and counts anew with it", async () => {
      await using harness = await make();
      const { deliveries } = harness.engine;
      await deliveries.add("a", "1", 0, bounds);
      const take = async () => (await deliveries.take(1, leaseMs))[0];
      const first = await take();
      if (first === undefined) throw new Error("nothing was taken");
      expect(await deliveries.settle(first, { dueInMs: 500 }, bounds)).toBe(true);
      expect(await take()).toBeUndefined();
      await harness.advance(500);
      const second = await take();
      expect(second).toMatchObject({ content: "1", attempt: 2 });
      if (second === undefined) return;
      await deliveries.settle(second, { dueInMs: 0, content: "2" }, bounds);
      expect(await take()).toMatchObject({ content: "2", attempt: 1 });
    });

    test("[P-REACH-3] an id is added once: not while it waits, nor for keepMs after it was finished", async () => {
      await using harness = await make();
      const { deliveries } = harness.engine;
      const many = Array.from({ length: 20 }, () => deliveries.add("a", "1", 0, bounds));
      expect((await Promise.all(many)).filter((added) => added)).toEqual([true]);
      const [taken] = await deliveries.take(1, leaseMs);
      if (taken === undefined) throw new Error("nothing was taken");
      await deliveries.settle(taken, undefined, bounds);
      await harness.advance(bounds.keepMs - 1);
      expect(await deliveries.add("a", "1", 0, bounds)).toBe(false);
      await harness.advance(1);
      expect(await deliveries.add("a", "1", 0, bounds)).toBe(true);
    });

    test("[P-REACH-10] further deliveries than maxWaiting are refused until one is finished", async () => {
      await using harness = await make();
      const { deliveries } = harness.engine;
      for (const id of ["a", "b", "c"]) await deliveries.add(id, "", 0, bounds);
      const refused = deliveries.add("d", "", 0, bounds);
      await expect(refused).rejects.toMatchObject({ code: "rate_limited" });
      expect(await deliveries.add("a", "", 0, bounds)).toBe(false);
      const [taken] = await deliveries.take(1, leaseMs);
      if (taken === undefined) throw new Error("nothing was taken");
      await deliveries.settle(taken, undefined, bounds);
      expect(await deliveries.add("d", "", 0, bounds)).toBe(true);
    });

    test("an id of more than 512 characters or a content of more than 32,768 is refused", async () => {
      await using harness = await make();
      const { deliveries } = harness.engine;
      await deliveries.add("i".repeat(512), "c".repeat(32_768), 0, bounds);
      const code = "bad_message";
      for (const [id, content] of [
        ["i".repeat(513), ""],
        ["i", "c".repeat(32_769)],
      ] as const) {
        await expect(deliveries.add(id, content, 0, bounds)).rejects.toMatchObject({ code });
      }
    });
  });
}

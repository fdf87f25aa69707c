import { describe, expect, test } from "vitest";
import type { MakeEngine } from "./engine-harness.ts";
import { makeQueue, positions } from "./queue-harness.ts";

function named(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}${n}`);
}

/** Contract tests of queues: lanes, weights and places. */
export function queueOrderContract(name: string, make: MakeEngine): void {
  describe(`${name} queues: order`, () => {
    test("[P-QUE-55] lanes are served in proportion to their weights, and every lane moves", async () => {
      await using q = await makeQueue(make, { lanes: { paid: 3, free: 1 } });
      await q.joinLane("free", ...named("f", 20));
      await q.joinLane("paid", ...named("p", 60));
      const served = await q.serve(40);
      expect(served.filter((id) => id.startsWith("p"))).toHaveLength(30);
      for (let n = 0; n < 40; n += 4) {
        expect(served.slice(n, n + 4).filter((id) => id.startsWith("f"))).toHaveLength(1);
      }
      expect(served.filter((id) => id.startsWith("f"))).toEqual(named("f", 10));
    });

    test("[P-QUE-55] a lane that was empty is served in its turn at once, and gets no turns for the time it was empty", async () => {
      await using q = await makeQueue(make, { lanes: { paid: 10, free: 1 } });
      await q.joinLane("free", ...named("f", 50));
      await q.serve(20);
      await q.joinLane("paid", ...named("p", 50));
      const served = await q.serve(22);
      expect(served.filter((id) => id.startsWith("p"))).toHaveLength(20);
      expect(served.slice(0, 2)).toContain("p0");
    });

    test("[P-QUE-55] tickets that leave a lane leave no gap behind", async () => {
      await using q = await makeQueue(make, { lanes: { a: 1, b: 1 } });
      await q.joinLane("a", ...named("gone", 30));
      await q.joinLane("a", ...named("a", 10));
      await q.joinLane("b", ...named("b", 10));
      for (const id of named("gone", 30)) await q.queues.leave("q", id);
      const served = await q.serve(10);
      expect(served.filter((id) => id.startsWith("a"))).toHaveLength(5);
    });

    test("[P-QUE-56] positions over all lanes are exactly the order in which the tickets are then served", async () => {
      const lanes = { a: 1, b: 2.5, c: 0.3, d: 7, e: 1 };
      await using q = await makeQueue(make, { lanes });
      const ids = named("t", 60);
      for (const [n, id] of ids.entries()) {
        await q.joinLane(Object.keys(lanes)[(n * 7 + (n >> 2)) % 5] ?? "", id);
        if (n % 9 === 8) await q.serve(1);
      }
      const left = await q.queues.get("q", ids);
      const waiting = left.filter((ticket) => ticket?.state === "waiting");
      const sorted = waiting.toSorted(
        (x, y) => (x?.place?.position ?? 0) - (y?.place?.position ?? 0),
      );
      expect(positions(sorted)).toEqual(waiting.map((_, n) => n + 1));
      const order = sorted.map((ticket) => ticket?.id);
      expect((await q.queues.head("q", 100)).map(({ id }) => id)).toEqual(order);
      for (const ticket of waiting) expect(ticket?.place?.total).toBe(waiting.length);
      const ofA = waiting.filter((ticket) => ticket?.lane === "a");
      expect(ofA.map((ticket) => ticket?.place?.aheadInLane)).toEqual(ofA.map((_, n) => n));
      expect(await q.serve(waiting.length)).toEqual(order);
    });

    test("[P-QUE-57] new weights count at once for those who wait, who keep their order within the lane", async () => {
      await using q = await makeQueue(make, { lanes: { a: 100, b: 1 } });
      await q.joinLane("a", ...named("a", 40));
      await q.joinLane("b", ...named("b", 40));
      expect((await q.serve(10)).filter((id) => id.startsWith("b"))).toEqual([]);
      await q.queues.configure("q", { capacity: 1_000, lanes: { a: 1, b: 3 } }, 9);
      const served = await q.serve(20);
      const ofB = served.filter((id) => id.startsWith("b"));
      expect(ofB.length).toBeGreaterThanOrEqual(14);
      expect(ofB.length).toBeLessThanOrEqual(16);
      expect(ofB).toEqual(named("b", ofB.length));
    });

    test("[P-QUE-57] a lane that becomes heavier gets no turns for the time in which it was light", async () => {
      await using q = await makeQueue(make, { lanes: { a: 0.01, b: 1 } });
      await q.joinLane("b", ...named("b", 40));
      await q.joinLane("a", ...named("a", 20));
      expect((await q.serve(25)).filter((id) => id.startsWith("a"))).toEqual([]);
      await q.queues.configure("q", { capacity: 1_000, lanes: { a: 1, b: 1 } }, 9);
      const served = await q.serve(12);
      const ofA = served.filter((id) => id.startsWith("a")).length;
      expect(ofA).toBeGreaterThanOrEqual(5);
      expect(ofA).toBeLessThanOrEqual(7);
    });

    test("[P-QUE-57] a lane that is no longer configured drains, takes no new tickets, and disappears", async () => {
      await using q = await makeQueue(make, { lanes: { old: 1, new: 1 } });
      await q.joinLane("old", "a", "b");
      const state = await q.queues.configure("q", { capacity: 9, lanes: { new: 1 } }, 9);
      expect(state.lanes).toEqual([
        { name: "new", weight: 1, waiting: 0, isDraining: false },
        { name: "old", weight: 1, waiting: 2, isDraining: true },
      ]);
      await expect(q.joinLane("old", "c")).rejects.toMatchObject({ code: "bad_message" });
      await q.joinLane("new", "c");
      const { id, fence } = await q.claim();
      expect((await q.serve(2)).toSorted()).toEqual(["a", "b", "c"].filter((one) => one !== id));
      expect((await q.queues.state("q"))?.lanes).toHaveLength(1);
      await q.queues.fail("q", id, fence, { giveBack: true });
      expect(await q.serve(1)).toEqual([id]);
      expect((await q.queues.state("q"))?.lanes).toHaveLength(1);
    });

    test("[P-QUE-57] more than 16 lanes that drain are refused with not_possible_now", async () => {
      await using q = await makeQueue(make);
      const lanesOf = (prefix: string) =>
        Object.fromEntries(named(prefix, 16).map((lane) => [lane, 1]));
      await q.queues.configure("q", { capacity: 1, lanes: lanesOf("a") }, 9);
      for (const lane of named("a", 16)) await q.joinLane(lane, lane);
      await q.queues.configure("q", { capacity: 1, lanes: lanesOf("b") }, 9);
      await q.joinLane("b0", "b0");
      const refused = expect(q.queues.configure("q", { capacity: 1 }, 9)).rejects;
      await refused.toMatchObject({ code: "not_possible_now" });
      expect((await q.queues.state("q"))?.lanes).toHaveLength(32);
    });

    test("[P-QUE-55] a ticket without a lane joins the lane default, otherwise that of the smallest weight", async () => {
      await using q = await makeQueue(make, { lanes: { paid: 3, default: 2, free: 1 } });
      await q.join("a");
      await q.queues.configure("q", { capacity: 1, lanes: { paid: 3, free: 1 } }, 9);
      await q.join("b");
      expect((await q.tickets("a", "b")).map(({ lane }) => lane)).toEqual(["default", "free"]);
    });

    test("[P-QUE-58] no more tickets run than the capacity allows, which can be changed", async () => {
      await using q = await makeQueue(make, { capacity: 2 });
      await q.join("a", "b", "c", "d");
      await q.claim();
      const b = await q.claim();
      const full = { status: "full", running: 2, capacity: 2 };
      expect(await q.queues.claim("q", { worker: "w" })).toEqual(full);
      await q.queues.finish("q", "b", b.fence);
      await q.claim();
      await q.queues.configure("q", { capacity: 3 }, 9);
      await q.claim();
      await q.queues.configure("q", { capacity: 0 }, 9);
      expect(await q.queues.claim("q", { worker: "w" })).toMatchObject({ running: 3, capacity: 0 });
    });

    test("[P-QUE-58] of many claims at the same time, exactly as many succeed as the capacity allows", async () => {
      await using q = await makeQueue(make, { capacity: 7 });
      await q.join(...named("t", 30));
      const claims = await Promise.all(
        Array.from({ length: 30 }, (_, n) => q.queues.claim("q", { worker: `w${n}` })),
      );
      const claimed = claims.flatMap((one) => (one.status === "claimed" ? [one.ticket] : []));
      expect(claimed).toHaveLength(7);
      expect(new Set(claimed.map(({ id }) => id)).size).toBe(7);
      expect(new Set(claimed.map(({ fence }) => fence)).size).toBe(7);
    });

    test("[P-QUE-58] with the capacity workers, each live worker adds its slots until it ends", async () => {
      await using q = await makeQueue(make, { capacity: "workers", leaseMs: 60_000 });
      await q.join(...named("t", 9));
      expect(await q.queues.state("q")).toMatchObject({ capacity: 0, workers: 0 });
      await q.queues.beat("q", "a", 2, 30_000);
      await q.queues.beat("q", "b", 1, 20_000);
      await q.queues.beat("q", "b", 3, 10_000);
      expect(await q.queues.state("q")).toMatchObject({ capacity: 5, workers: 2, slots: 5 });
      expect((await q.queues.workers("q")).map(({ name, slots }) => [name, slots])).toEqual([
        ["b", 3],
        ["a", 2],
      ]);
      await q.claim({ worker: "c" });
      await q.claim({ worker: "c", slots: 2 });
      expect(await q.queues.state("q")).toMatchObject({ capacity: 7, workers: 3, running: 2 });
      await q.advance(15_000);
      expect(await q.queues.state("q")).toMatchObject({ capacity: 7, workers: 3 });
      await q.advance(5_000);
      expect(await q.queues.state("q")).toMatchObject({ capacity: 4, workers: 2 });
      await q.queues.retire("q", "a");
      expect(await q.queues.state("q")).toMatchObject({ capacity: 2, workers: 1 });
      const full = { status: "full", running: 2, capacity: 2 };
      expect(await q.queues.claim("q", { worker: "c" })).toEqual(full);
      await q.queues.retire("q", "a");
      // The claim that found the queue full was a sign of life, too.
      await q.advance(60_000);
      expect(await q.queues.state("q")).toMatchObject({ capacity: 0, workers: 0, slots: 0 });
    });

    test("[P-QUE-58] a schedule changes the capacity by the minute of the week", async () => {
      await using q = await makeQueue(make);
      // The clock begins on Thursday, 1 January 2026, 00:00 UTC for the memory engine; Redis has its own time.
      await q.join("a");
      const capacities = Array.from({ length: 7 * 24 }, (_, hour) => ({
        minute: hour * 60,
        capacity: hour + 1,
      }));
      const state = await q.queues.configure("q", { capacity: { weekly: capacities } }, 9);
      const joinedAt = (await q.tickets("a"))[0]?.joinedAt ?? 0;
      const date = new Date(joinedAt);
      const hour = ((date.getUTCDay() + 6) % 7) * 24 + date.getUTCHours();
      expect([hour + 1, ((hour + 1) % 168) + 1]).toContain(state.capacity);
      await q.sleep(3_600_000);
      expect((await q.queues.state("q"))?.capacity).toBe((state.capacity % 168) + 1);
      // Before the first change of the week, the last one of the week before counts.
      const evening = { minute: 7 * 1_440 - 1, capacity: 4 } as const;
      const early = await q.queues.configure("q", { capacity: { weekly: [evening] } }, 9);
      expect(early.capacity).toBe(4);
    });
  });
}

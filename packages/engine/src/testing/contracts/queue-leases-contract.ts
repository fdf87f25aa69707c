import { describe, expect, test } from "vitest";
import type { MakeEngine } from "./engine-harness.ts";
import { makeQueue, positions } from "./queue-harness.ts";

/** Contract tests of queues: claims, leases and fences. */
export function queueLeasesContract(name: string, make: MakeEngine): void {
  describe(`${name} queues: leases`, () => {
    test("[P-QUE-59] the ticket of a worker whose lease ends returns to its old place, before all who joined later", async () => {
      await using q = await makeQueue(make, { lanes: { paid: 10, free: 1 }, leaseMs: 5_000 });
      await q.joinLane("free", "a", "b", "c");
      const a = await q.claim({ worker: "dead" });
      const b = await q.claim({ worker: "dead" });
      expect([a.id, b.id]).toEqual(["a", "b"]);
      await q.joinLane("paid", "p");
      await q.sleep(5_000);
      const swept = await q.queues.sweep("q", 100);
      expect(swept).toMatchObject({ failed: [], gone: [], hasMore: false });
      const returned = swept.returned.map(({ id, state, reason }) => [id, state, reason]);
      expect(returned.toSorted()).toEqual([
        ["a", "waiting", "lease"],
        ["b", "waiting", "lease"],
      ]);
      expect(positions(await q.queues.get("q", ["a", "b", "p", "c"]))).toEqual([1, 2, 3, 4]);
      expect((await q.tickets("c"))[0]?.place).toMatchObject({ aheadInLane: 2, total: 4 });
      expect((await q.queues.head("q", 9)).map(({ id }) => id)).toEqual(["a", "b", "p", "c"]);
      const again = await q.claim({ worker: "other" });
      expect(again).toMatchObject({ id: "a", claims: 2, worker: "other" });
      expect(again.fence).toBeGreaterThan(b.fence);
      expect(await q.queues.sweep("q", 100)).toMatchObject({ returned: [] });
    });

    test("[P-QUE-59] a ticket that came back may leave, and the place of the others follows", async () => {
      await using q = await makeQueue(make, { leaseMs: 1_000 });
      await q.join("a", "b", "c");
      await q.claim();
      await q.claim();
      await q.sleep(1_000);
      await q.queues.sweep("q", 10);
      expect(await q.queues.leave("q", "a")).toMatchObject({ state: "left" });
      expect(positions(await q.queues.get("q", ["b", "c"]))).toEqual([1, 2]);
      expect(await q.serve(2)).toEqual(["b", "c"]);
    });

    test("[P-QUE-59] a ticket that is lost twice keeps its old place", async () => {
      await using q = await makeQueue(make, { leaseMs: 1_000 });
      await q.join("a", "b", "c");
      await q.claim();
      await q.claim();
      for (let lost = 0; lost < 2; lost++) {
        await q.sleep(1_000);
        await q.queues.sweep("q", 10);
        expect((await q.queues.head("q", 9)).map(({ id }) => id)).toEqual(["a", "b", "c"]);
        expect((await q.claim()).id).toBe("a");
      }
    });

    test("[P-QUE-60] the calls of a worker that lost its ticket are refused, and say who has it", async () => {
      await using q = await makeQueue(make, { leaseMs: 1_000 });
      await q.join("a");
      const old = await q.claim({ worker: "old" });
      await q.sleep(1_000);
      await q.queues.sweep("q", 10);
      const calls = (fence: number) => [
        q.queues.extend("q", "a", fence),
        q.queues.finish("q", "a", fence),
        q.queues.fail("q", "a", fence),
      ];
      for (const call of calls(old.fence)) {
        expect(await call).toMatchObject({ status: "stale", ticket: { state: "waiting" } });
      }
      const { fence } = await q.claim({ worker: "new" });
      for (const call of calls(old.fence)) {
        const ticket = { state: "running", worker: "new", fence };
        expect(await call).toMatchObject({ status: "stale", ticket });
      }
      expect(await q.queues.finish("q", "a", fence)).toMatchObject({ status: "held" });
      for (const call of calls(old.fence)) {
        const ticket = { state: "finished", worker: "new" };
        expect(await call).toMatchObject({ status: "stale", ticket });
      }
      expect(await q.queues.finish("q", "nobody", fence)).toEqual({ status: "unknown" });
    });

    test("[P-QUE-60] a ticket finishes once, and a repeated finish says so", async () => {
      await using q = await makeQueue(make);
      await q.join("a", "b");
      const { fence } = await q.claim();
      const first = await q.queues.finish("q", "a", fence);
      expect(first).toMatchObject({
        status: "held",
        isRepeat: false,
        ticket: { state: "finished" },
      });
      expect(await q.queues.finish("q", "a", fence)).toMatchObject({
        status: "held",
        isRepeat: true,
      });
      expect(await q.queues.fail("q", "a", fence)).toMatchObject({ status: "stale" });
      expect(await q.queues.extend("q", "a", fence)).toMatchObject({ status: "stale" });
      const hours = await q.queues.statistics("q", 1);
      expect(hours[0]?.lanes.default).toMatchObject({ finished: 1, failed: 0 });
    });

    test("[P-QUE-60] a worker fails a ticket for good, or gives it back to its old place", async () => {
      await using q = await makeQueue(make);
      await q.join("a", "b");
      const a = await q.claim();
      const failed = await q.queues.fail("q", "a", a.fence, { reason: "no disk" });
      expect(failed).toMatchObject({ ticket: { state: "failed", reason: "no disk" } });
      expect(await q.queues.fail("q", "a", a.fence)).toMatchObject({ isRepeat: true });
      expect(await q.queues.finish("q", "a", a.fence)).toMatchObject({ status: "stale" });
      const b = await q.claim();
      await q.join("c");
      const back = await q.queues.fail("q", "b", b.fence, { giveBack: true, reason: "busy" });
      expect(back).toMatchObject({
        status: "held",
        ticket: { state: "waiting", reason: "busy", place: { position: 1 } },
      });
      const repeated = await q.queues.fail("q", "b", b.fence, { giveBack: true });
      expect(repeated).toMatchObject({ status: "held", isRepeat: true });
      expect(await q.serve(2)).toEqual(["b", "c"]);
    });

    test("[P-QUE-59] a claim that reached no worker is taken back and does not count", async () => {
      await using q = await makeQueue(make, { maxClaims: 1 });
      await q.join("a", "b");
      const { fence } = await q.claim();
      const options = { giveBack: true, unserved: true };
      const back = await q.queues.fail("q", "a", fence, options);
      expect(back).toMatchObject({
        status: "held",
        ticket: { state: "waiting", claims: 0, place: { position: 1 } },
      });
      const repeated = await q.queues.fail("q", "a", fence, options);
      expect(repeated).toMatchObject({ isRepeat: true, ticket: { claims: 0 } });
      const again = await q.claim();
      expect(again).toMatchObject({ id: "a", claims: 1 });
      await q.queues.fail("q", "a", again.fence, { giveBack: true });
      expect(await q.tickets("a")).toMatchObject([{ state: "failed" }]);
    });

    test("[P-QUE-60] an extended lease holds, also when it had ended and no sweep had taken it", async () => {
      await using q = await makeQueue(make, { leaseMs: 5_000 });
      await q.join("a");
      const { fence, leaseEndsAt = 0 } = await q.claim();
      await q.sleep(4_000);
      const extended = await q.queues.extend("q", "a", fence, 8_000);
      expect(extended).toMatchObject({ status: "held", ticket: { state: "running" } });
      await q.sleep(6_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ returned: [] });
      await q.sleep(3_000);
      const late = await q.queues.extend("q", "a", fence);
      expect(late).toMatchObject({ status: "held" });
      const endsAt = late.status === "held" ? (late.ticket.leaseEndsAt ?? 0) : 0;
      expect(endsAt - leaseEndsAt).toBeGreaterThan(12_900);
      expect(endsAt - leaseEndsAt).toBeLessThan(13_100);
      await q.sleep(4_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ returned: [] });
      await q.sleep(1_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ returned: [{ id: "a" }] });
    });

    test("[P-QUE-61] a claim repeated with its key returns the same ticket as long as that runs", async () => {
      await using q = await makeQueue(make, { capacity: 2, leaseMs: 5_000 });
      await q.join("a", "b", "c");
      const a = await q.claim({ worker: "w", key: "1" });
      const again = await q.queues.claim("q", { worker: "w", key: "1" });
      expect(again).toMatchObject({
        isRepeat: true,
        ticket: { id: "a", fence: a.fence, claims: 1 },
      });
      const b = await q.claim({ worker: "v", key: "1" });
      expect(b.id).toBe("b");
      // The repeat is answered although the capacity is used up.
      expect(await q.queues.claim("q", { worker: "w", key: "1" })).toMatchObject({
        isRepeat: true,
      });
      expect(await q.queues.claim("q", { worker: "w", key: "2" })).toMatchObject({
        status: "full",
      });
      await q.queues.finish("q", "a", a.fence);
      expect(await q.claim({ worker: "w", key: "1" })).toMatchObject({ id: "c" });
      await q.sleep(5_000);
      await q.queues.sweep("q", 10);
      expect(await q.claim({ worker: "w", key: "1" })).toMatchObject({ id: "b" });
    });

    test("[P-QUE-59] a ticket claimed maxClaims times fails instead of coming back", async () => {
      await using q = await makeQueue(make, { leaseMs: 1_000, maxClaims: 2 });
      await q.join("a");
      await q.claim();
      await q.sleep(1_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ returned: [{ id: "a" }] });
      await q.claim();
      await q.sleep(1_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({
        returned: [],
        failed: [{ id: "a", state: "failed", reason: "lease", claims: 2 }],
      });
      expect(await q.queues.state("q")).toMatchObject({ waiting: 0, running: 0 });
    });

    test("[P-QUE-59] each ended lease is returned by exactly one of several sweeps, each at most its limit", async () => {
      await using q = await makeQueue(make, { leaseMs: 1_000 });
      const ids = Array.from({ length: 25 }, (_, n) => `t${n}`);
      await q.join(...ids);
      for (const _ of ids) await q.claim();
      expect((await q.queues.running("q", 10)).map(({ id }) => id)).toHaveLength(10);
      await q.sleep(1_000);
      const sweeps = await Promise.all([1, 2, 3].map(() => q.queues.sweep("q", 10)));
      expect(sweeps.map(({ returned }) => returned.length)).toEqual([10, 10, 5]);
      expect(sweeps.map(({ hasMore }) => hasMore)).toEqual([true, true, false]);
      const returned = sweeps.flatMap((sweep) => sweep.returned.map(({ id }) => id));
      expect(new Set(returned).size).toBe(25);
      expect((await q.queues.head("q", 100)).map(({ id }) => id)).toEqual(ids);
    });

    test("[P-QUE-62] after an outage, no lease is taken from its worker for ten seconds", async () => {
      await using q = await makeQueue(make, { leaseMs: 5_000 });
      await q.join("a", "b");
      const { fence } = await q.claim();
      await q.claim();
      await q.sleep(60_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ returned: [], hasMore: false });
      await q.sleep(5_000);
      expect(await q.queues.extend("q", "a", fence, 20_000)).toMatchObject({ status: "held" });
      await q.sleep(5_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ returned: [{ id: "b" }] });
    });

    test("[P-QUE-63] statistics count waits, services and estimates by lane, as they were", async () => {
      await using q = await makeQueue(make, { lanes: { paid: 3, free: 1 } });
      await q.joinLane("free", "a", "b", "c", "d");
      expect(await q.queues.noteEstimate("q", "a", 1_000, 9_000)).toBe(true);
      expect(await q.queues.noteEstimate("q", "b", 9_000, 9_500)).toBe(true);
      expect(await q.queues.noteEstimate("q", "nobody", 1, 1)).toBe(false);
      await q.sleep(4_000);
      const a = await q.claim();
      await q.sleep(500);
      expect(await q.queues.noteEstimate("q", "a", 1, 1)).toBe(false);
      await q.claim();
      await q.queues.finish("q", "a", a.fence);
      await q.queues.leave("q", "c");
      await q.queues.fail("q", "b", (await q.tickets("b"))[0]?.fence ?? 0, { giveBack: true });
      expect(await q.queues.noteEstimate("q", "b", 1, 1)).toBe(false);
      const b = await q.claim();
      await q.queues.fail("q", "b", b.fence);
      const hours = await q.queues.statistics("q", 2);
      expect(hours.length).toBeGreaterThanOrEqual(1);
      const free = hours.flatMap(({ lanes }) => lanes.free ?? []);
      const sum = (pick: (lane: (typeof free)[number]) => number) =>
        free.reduce((total, lane) => total + pick(lane), 0);
      expect(sum((lane) => lane.joined)).toBe(4);
      expect(sum((lane) => lane.claimed)).toBe(2);
      expect(sum((lane) => lane.finished)).toBe(1);
      expect(sum((lane) => lane.failed)).toBe(1);
      expect(sum((lane) => lane.left)).toBe(1);
      expect(sum((lane) => lane.returned)).toBe(1);
      expect(sum((lane) => lane.estimated)).toBe(2);
      expect(sum((lane) => lane.withinP50)).toBe(1);
      expect(sum((lane) => lane.withinP90)).toBe(2);
      const all = (pick: "waits" | "services") =>
        Object.assign({}, ...free.map((lane) => lane[pick]));
      // 4,000 and 4,500 ms are buckets 22 and 22; 500 ms is bucket 10.
      expect(all("waits")).toEqual({ 22: 2 });
      expect(all("services")).toEqual({ 10: 1 });
    });

    test("[P-QUE-63] statistics are kept for 48 hours", async () => {
      await using q = await makeQueue(make);
      await q.join("a");
      await q.sleep(46 * 3_600_000);
      await q.join("b");
      expect(await q.queues.statistics("q", 48)).toHaveLength(2);
      expect(await q.queues.statistics("q", 1)).toHaveLength(1);
      await q.sleep(3 * 3_600_000);
      await q.join("c");
      const hours = await q.queues.statistics("q", 48);
      expect(hours.map(({ lanes }) => lanes.default?.joined)).toEqual([1, 1]);
      expect(hours[0]?.at).toBeGreaterThan(hours[1]?.at ?? 0);
    });
  });
}

import { describe, expect, test } from "vitest";
import type { MakeEngine } from "./engine-harness.ts";
import { makeQueue } from "./queue-harness.ts";

const hourMs = 3_600_000;

/** Contract tests of queues: people who are gone. */
export function queuePersonsContract(name: string, make: MakeEngine): void {
  describe(`${name} queues: persons`, () => {
    test("[P-QUE-64] a ticket leaves when its person has been gone for the grace, and stays when the person returns", async () => {
      await using q = await makeQueue(make, { graceMs: 60_000 });
      await q.join("a", "b", "c");
      expect(await q.queues.markSeen("q", ["a", "b", "c", "nobody"], hourMs)).toBe(3);
      expect(await q.queues.markGone("q", ["a", "b"])).toBe(2);
      await q.advance(50_000);
      expect(await q.queues.markSeen("q", ["b"], hourMs)).toBe(1);
      // A second sign that somebody is gone does not prolong the grace.
      await q.queues.markGone("q", ["a"]);
      await q.advance(9_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ gone: [] });
      await q.advance(1_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({
        gone: [{ id: "a", state: "gone" }],
        returned: [],
      });
      expect((await q.tickets("a"))[0]).toMatchObject({ state: "gone" });
      expect(await q.queues.markSeen("q", ["a"], hourMs)).toBe(0);
      expect(await q.serve(2)).toEqual(["b", "c"]);
      expect(
        (await q.queues.statistics("q", 2)).some(({ lanes }) => lanes.default?.gone === 1),
      ).toBe(true);
    });

    test("[P-QUE-64] a person who was never seen is not taken for gone", async () => {
      await using q = await makeQueue(make, { graceMs: 10_000 });
      await q.join("a");
      await q.queues.markGone("q", ["a"]);
      await q.advance(hourMs);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ gone: [] });
      await q.queues.markSeen("q", ["a"], 20_000);
      await q.advance(29_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ gone: [] });
      await q.advance(1_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ gone: [{ id: "a" }] });
    });

    test("[P-QUE-64] a running ticket does not leave, and one that comes back without its person does", async () => {
      await using q = await makeQueue(make, { graceMs: 10_000, leaseMs: 60_000 });
      await q.join("a");
      await q.queues.markSeen("q", ["a"], hourMs);
      const { fence } = await q.claim();
      await q.queues.markGone("q", ["a"]);
      await q.advance(30_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ gone: [], returned: [] });
      await q.queues.fail("q", "a", fence, { giveBack: true });
      expect(await q.queues.sweep("q", 10)).toMatchObject({ gone: [{ id: "a" }] });
    });

    test("[P-QUE-62] after an outage, nobody is taken for gone for one grace", async () => {
      await using q = await makeQueue(make, { graceMs: 60_000 });
      await q.join("a", "b");
      await q.queues.markSeen("q", ["a", "b"], 30_000);
      await q.sleep(10 * 60_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ gone: [] });
      const { suspendedUntil } = (await q.queues.state("q")) ?? {};
      expect(suspendedUntil).toBeGreaterThan(0);
      await q.advance(55_000);
      await q.queues.markSeen("q", ["a"], 30_000);
      await q.advance(4_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ gone: [] });
      await q.advance(1_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ gone: [{ id: "b" }] });
      expect((await q.queues.state("q"))?.suspendedUntil).toBeUndefined();
    });

    test("[P-QUE-62] a node that could not reach the store suspends the leaving for one grace", async () => {
      await using q = await makeQueue(make, { graceMs: 30_000 });
      await q.join("a");
      await q.queues.markSeen("q", ["a"], hourMs);
      await q.queues.markGone("q", ["a"]);
      await q.advance(25_000);
      await q.queues.suspend("q");
      await q.advance(25_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ gone: [] });
      await q.advance(5_000);
      expect(await q.queues.sweep("q", 10)).toMatchObject({ gone: [{ id: "a" }] });
    });

    test("[P-QUE-64] each ticket whose person is gone leaves in exactly one sweep", async () => {
      await using q = await makeQueue(make, { graceMs: 1_000 });
      const ids = Array.from({ length: 25 }, (_, n) => `t${n}`);
      await q.join(...ids, "stays");
      await q.queues.markSeen("q", ids, hourMs);
      await q.queues.markGone("q", ids);
      await q.advance(1_000);
      const sweeps = await Promise.all([1, 2, 3].map(() => q.queues.sweep("q", 10)));
      expect(sweeps.map(({ gone, hasMore }) => [gone.length, hasMore])).toEqual([
        [10, true],
        [10, true],
        [5, false],
      ]);
      expect((await q.queues.head("q", 9)).map(({ id }) => id)).toEqual(["stays"]);
    });
  });
}

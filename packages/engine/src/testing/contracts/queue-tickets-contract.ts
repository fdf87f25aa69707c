import { describe, expect, test } from "vitest";
import { maxQueueData, type QueueSettings } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";
import { makeQueue, positions } from "./queue-harness.ts";

/** Contract tests of queues: settings, joins, looks and leaves. */
export function queueTicketsContract(name: string, make: MakeEngine): void {
  describe(`${name} queues: tickets`, () => {
    test("[P-QUE-51] tickets wait in the order of their joins, and each knows its place", async () => {
      await using q = await makeQueue(make);
      const joined = await q.queues.join("q", { id: "a", owner: "user:ada", data: '{"é":1}' });
      expect(joined).toMatchObject({
        isNew: true,
        ticket: {
          id: "a",
          owner: "user:ada",
          lane: "default",
          state: "waiting",
          claims: 0,
          data: '{"é":1}',
          place: { position: 1, total: 1, aheadInLane: 0 },
        },
      });
      await q.join("b", "c");
      expect(positions(await q.queues.get("q", ["c", "a", "nobody", "b"]))).toEqual([3, 1, 0, 2]);
      expect(await q.queues.find("q", "user:ada")).toMatchObject({ id: "a" });
      expect(await q.queues.find("q", "user:bo")).toBeUndefined();
      expect((await q.queues.head("q", 2)).map(({ id }) => id)).toEqual(["a", "b"]);
      expect(await q.serve(3)).toEqual(["a", "b", "c"]);
      expect(await q.queues.claim("q", { worker: "w" })).toEqual({ status: "empty" });
      expect(await q.queues.head("q", 10)).toEqual([]);
    });

    test("[P-QUE-52] an owner has one ticket that waits or runs: a second join returns it, whatever its lane", async () => {
      await using q = await makeQueue(make, { lanes: { paid: 3, free: 1 } });
      const first = await q.queues.join("q", { id: "a", owner: "o", lane: "free" });
      await q.joinLane("free", "b");
      const second = await q.queues.join("q", { id: "x", owner: "o", lane: "paid" });
      expect(second).toEqual({
        isNew: false,
        ticket: { ...first.ticket, place: { position: 1, total: 2, aheadInLane: 0 } },
      });
      const { fence } = await q.claim();
      expect(await q.queues.join("q", { id: "x", owner: "o" })).toMatchObject({
        isNew: false,
        ticket: { id: "a", state: "running" },
      });
      await q.queues.finish("q", "a", fence);
      expect(await q.queues.join("q", { id: "x", owner: "o" })).toMatchObject({
        isNew: true,
        ticket: { id: "x", place: { position: 2 } },
      });
    });

    test("[P-QUE-52] of many joins of one owner at the same time, exactly one makes a ticket", async () => {
      await using q = await makeQueue(make);
      const joins = await Promise.all(
        Array.from({ length: 30 }, (_, n) => q.queues.join("q", { id: `t${n}`, owner: "o" })),
      );
      expect(joins.filter(({ isNew }) => isNew)).toHaveLength(1);
      expect(new Set(joins.map(({ ticket }) => ticket.id)).size).toBe(1);
      expect(await q.queues.state("q")).toMatchObject({ waiting: 1 });
    });

    test("[P-QUE-52] a join repeated with its key returns the ticket also after it has ended, and other owners' keys are others", async () => {
      await using q = await makeQueue(make);
      await q.queues.join("q", { id: "a", owner: "o", key: "k" });
      await q.serve(1);
      expect(await q.queues.join("q", { id: "b", owner: "o", key: "k" })).toMatchObject({
        isNew: false,
        ticket: { id: "a", state: "finished" },
      });
      const other = await q.queues.join("q", { id: "c", owner: "p", key: "k" });
      expect(other).toMatchObject({ isNew: true, ticket: { id: "c" } });
      await q.advance(2 * 3_600_000);
      expect(await q.queues.join("q", { id: "b", owner: "o", key: "k" })).toMatchObject({
        isNew: true,
      });
    });

    test("[P-QUE-52] an id is one ticket: its owner gets it again, and another owner is refused", async () => {
      await using q = await makeQueue(make);
      await q.queues.join("q", { id: "a", owner: "o" });
      await q.serve(1);
      expect(await q.queues.join("q", { id: "a", owner: "o" })).toMatchObject({ isNew: false });
      await expect(q.queues.join("q", { id: "a", owner: "p" })).rejects.toMatchObject({
        code: "already_exists",
      });
    });

    test("[P-QUE-53] a ticket that leaves is remembered for a minute, one that finished for an hour", async () => {
      await using q = await makeQueue(make);
      await q.join("a", "b");
      expect(await q.queues.leave("q", "a")).toMatchObject({ state: "left" });
      expect(await q.queues.leave("q", "a")).toMatchObject({ state: "left" });
      expect(await q.queues.leave("q", "nobody")).toBeUndefined();
      await q.serve(1);
      expect((await q.tickets("a"))[0]).toMatchObject({ state: "left" });
      await q.advance(3 * 60_000);
      expect(await q.queues.get("q", ["a"])).toEqual([undefined]);
      expect((await q.tickets("b"))[0]).toMatchObject({ state: "finished" });
      await q.advance(62 * 60_000);
      expect(await q.queues.get("q", ["b"])).toEqual([undefined]);
    });

    test("[P-QUE-53] a running ticket does not leave", async () => {
      await using q = await makeQueue(make);
      await q.join("a");
      await q.claim();
      expect(await q.queues.leave("q", "a")).toMatchObject({ state: "running" });
      expect(await q.queues.state("q")).toMatchObject({ running: 1 });
    });

    test("[P-QUE-54] as many tickets wait as maxWaiting allows; a further one is refused with queue_full", async () => {
      await using q = await makeQueue(make, { maxWaiting: 2 });
      await q.join("a", "b");
      const refused = expect(q.queues.join("q", { id: "c", owner: "c" })).rejects;
      await refused.toMatchObject({ code: "queue_full", retryable: true });
      expect(await q.queues.join("q", { id: "x", owner: "a" })).toMatchObject({ isNew: false });
      await q.claim();
      await q.join("c");
      expect(await q.queues.state("q")).toMatchObject({ waiting: 2, running: 1 });
    });

    test("[P-QUE-54] a queue beyond the maximum number is refused with store_full, and a known one is not", async () => {
      await using harness = await make();
      const { queues } = harness.engine;
      await queues.configure("b", { capacity: 1 }, 2);
      await queues.configure("a", { capacity: 1 }, 2);
      const refused = expect(queues.configure("c", { capacity: 1 }, 2)).rejects;
      await refused.toMatchObject({ code: "store_full" });
      expect(await queues.configure("a", { capacity: 2 }, 2)).toMatchObject({ capacity: 2 });
      expect(await queues.names()).toEqual(["a", "b"]);
      expect(await queues.state("c")).toBeUndefined();
      expect(await queues.remove("a")).toBe(true);
      expect(await queues.remove("a")).toBe(false);
      await queues.configure("c", { capacity: 1 }, 2);
      expect(await queues.names()).toEqual(["b", "c"]);
    });

    test("[P-QUE-54] a queue with tickets is not removed, and an idle one is forgotten after 30 days", async () => {
      await using q = await makeQueue(make);
      await q.join("a");
      const inUse = { code: "not_possible_now" };
      await expect(q.queues.remove("q")).rejects.toMatchObject(inUse);
      const { id, fence } = await q.claim();
      await expect(q.queues.remove("q")).rejects.toMatchObject(inUse);
      await q.queues.finish("q", id, fence);
      await q.sleep(31 * 24 * 3_600_000);
      expect(await q.queues.state("q")).toBeUndefined();
      expect(await q.queues.names()).toEqual([]);
    });

    test("[P-QUE-54] data beyond 4,096 bytes, and values out of range, are refused with bad_message", async () => {
      await using q = await makeQueue(make);
      const code = { code: "bad_message" };
      const half = "é".repeat(maxQueueData / 2);
      await q.queues.join("q", { id: "a", owner: "a", data: half });
      const join = (request: object) => q.queues.join("q", { id: "b", owner: "b", ...request });
      await expect(join({ data: `${half}.` })).rejects.toMatchObject(code);
      await expect(join({ lane: "vip" })).rejects.toMatchObject(code);
      await expect(join({ lane: "constructor" })).rejects.toMatchObject(code);
      await expect(join({ id: "" })).rejects.toMatchObject(code);
      await expect(join({ owner: "o".repeat(257) })).rejects.toMatchObject(code);
      const bad: readonly object[] = [
        { capacity: -1 },
        { capacity: 1.5 },
        { capacity: { weekly: [] } },
        { lanes: {} },
        { lanes: { a: 0 } },
        { lanes: { a: Number.NaN } },
        { lanes: { "a b": 1 } },
        { lanes: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`l${n}`, 1])) },
        { maxWaiting: 0 },
        { leaseMs: 0 },
      ];
      for (const settings of bad) {
        const configured = q.queues.configure(
          "q",
          { capacity: 1, ...settings } as QueueSettings,
          9,
        );
        await expect(configured).rejects.toMatchObject(code);
      }
      const claim = (request: object) => q.queues.claim("q", { worker: "w", ...request });
      await expect(claim({ worker: "" })).rejects.toMatchObject(code);
      await expect(claim({ leaseMs: 0 })).rejects.toMatchObject(code);
      await expect(claim({ slots: 0 })).rejects.toMatchObject(code);
      const many = Array.from({ length: 1_001 }, (_, n) => `t${n}`);
      await expect(q.queues.get("q", many)).rejects.toMatchObject(code);
    });

    test("[P-QUE-54] a call for a queue that does not exist is refused with not_found", async () => {
      await using harness = await make();
      const { queues } = harness.engine;
      const calls: readonly Promise<unknown>[] = [
        queues.join("x", { id: "a", owner: "a" }),
        queues.get("x", ["a"]),
        queues.find("x", "a"),
        queues.head("x", 1),
        queues.running("x", 1),
        queues.leave("x", "a"),
        queues.claim("x", { worker: "w" }),
        queues.extend("x", "a", 1),
        queues.finish("x", "a", 1),
        queues.fail("x", "a", 1),
        queues.markSeen("x", ["a"], 1),
        queues.markGone("x", ["a"]),
        queues.suspend("x"),
        queues.sweep("x", 1),
        queues.beat("x", "w", 1, 1_000),
        queues.retire("x", "w"),
        queues.workers("x"),
        queues.noteEstimate("x", "a", 1, 1),
        queues.statistics("x", 1),
      ];
      const codes = await Promise.all(calls.map((call) => call.catch((error: unknown) => error)));
      for (const error of codes) expect(error).toMatchObject({ code: "not_found" });
    });

    test("[P-QUE-54] ids, owners, keys, workers and data may be any text", async () => {
      await using q = await makeQueue(make);
      const texts = ["*", "{a}", "#", "a b\r\n\0", "\ud800", "\ud801", "é", "e\u0301", "__proto__"];
      for (const text of texts) {
        const joined = await q.queues.join("q", { id: text, owner: text, key: text, data: text });
        expect(joined.isNew).toBe(true);
      }
      for (const text of texts) {
        expect(await q.queues.find("q", text)).toMatchObject({ id: text, owner: text, data: text });
        const claimed = await q.queues.claim("q", { worker: text, key: text });
        expect(claimed).toMatchObject({ ticket: { id: text, worker: text }, isRepeat: false });
      }
    });
  });
}

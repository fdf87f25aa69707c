import type { OperationSummary } from "@milepost/model";
import { describe, expect, test } from "vitest";
import type { IndexedOperation, OperationIndex, OperationQuery } from "../../index.ts";
import type { MakeEngine } from "./engine-harness.ts";

const hourMs = 3_600_000;

function operation(
  id: string,
  created_at: number,
  summary: Partial<OperationSummary> = {},
  rest: Partial<IndexedOperation> = {},
): IndexedOperation {
  return {
    summary: {
      operation_id: id,
      kind: "index",
      title: "Index",
      status: "running",
      attempt: 1,
      percent: 0,
      warnings: 0,
      errors: 0,
      created_at,
      updated_at: created_at,
      ...summary,
    },
    service: "backend",
    waitingCommands: 0,
    offset: 1,
    fence: 1,
    ...rest,
  };
}

/** Contract tests of the operation index; every engine runs them. */
export function operationIndexContract(name: string, make: MakeEngine): void {
  const list = async (index: OperationIndex, query: Partial<OperationQuery> = {}) =>
    (await index.list({ limit: 100, ...query })).map(({ summary }) => summary.operation_id);

  describe(`${name} operation index`, () => {
    test("operations are listed newest first, up to the limit", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      for (const [id, at] of [
        ["b", 2],
        ["a", 1],
        ["c", 3],
      ] as const) {
        await operations.put(operation(id, at), hourMs);
      }
      expect(await list(operations)).toEqual(["c", "b", "a"]);
      expect(await list(operations, { limit: 2 })).toEqual(["c", "b"]);
    });

    test("[P-CMD-9] a list goes on after any of its operations, also among those of one millisecond, which are in the order of their ids", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      for (const [id, at] of [
        ["b", 1],
        ["z", 1],
        ["a", 1],
        ["old", 0],
        ["new", 2],
      ] as const) {
        await operations.put(operation(id, at), hourMs);
      }
      await operations.put(operation("b", 1), hourMs);
      const all = await list(operations);
      expect(all).toEqual(["new", "z", "b", "a", "old"]);
      const behind = (createdAt: number, id: string) =>
        list(operations, { before: { createdAt, id } });
      expect(await behind(2, "new")).toEqual(["z", "b", "a", "old"]);
      expect(await behind(1, "b")).toEqual(["a", "old"]);
      expect(await behind(0, "old")).toEqual([]);
    });

    test("operations are found by owner, kind, status and waiting commands, and all conditions must hold", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      await operations.put(operation("a", 1, { session_id: "s", user_id: "u" }), hourMs);
      await operations.put(operation("b", 2, { session_id: "s", kind: "scan" }), hourMs);
      await operations.put(
        operation("c", 3, { user_id: "u", status: "done" }, { producer: "p", waitingCommands: 2 }),
        hourMs,
      );
      expect(await list(operations, { session: "s" })).toEqual(["b", "a"]);
      expect(await list(operations, { user: "u" })).toEqual(["c", "a"]);
      expect(await list(operations, { session: "s", user: "u" })).toEqual(["a"]);
      expect(await list(operations, { producer: "p" })).toEqual(["c"]);
      expect(await list(operations, { kind: "scan" })).toEqual(["b"]);
      expect(await list(operations, { status: "done" })).toEqual(["c"]);
      expect(await list(operations, { waiting: true })).toEqual(["c"]);
      expect(await list(operations, { statuses: ["done", "failed"] })).toEqual(["c"]);
      expect(await list(operations, { statuses: [] })).toEqual([]);
      expect(await list(operations, { session: "nobody" })).toEqual([]);
    });

    test("[P-TREE-3] [P-TREE-5] operations are found by tag and by parent", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      const counters = { cost: "0.25" };
      await operations.put(operation("p", 1, { user_id: "u", tags: ["eu", "v1"] }), hourMs);
      const kid = operation("k", 3, { parent: "p", tags: ["eu"] }, { weight: 2, counters });
      await operations.put(kid, hourMs);
      expect(await operations.get("k")).toEqual(kid);
      expect(await list(operations, { parent: "p" })).toEqual(["k"]);
      expect(await list(operations, { tag: "eu" })).toEqual(["k", "p"]);
      expect(await list(operations, { tag: "eu", user: "u" })).toEqual(["p"]);
      expect(await list(operations, { tag: "v" })).toEqual([]);
      await operations.remove("k");
      expect(await list(operations, { parent: "p" })).toEqual([]);
    });

    test("[P-TREE-6] every put and removal of a child opens a change of its parent, until the newest one is settled", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      const child = (id: string, parent: string, offset = 1) =>
        operations.put(operation(id, 1, { parent }, { offset }), hourMs);
      await operations.put(operation("p", 1), hourMs);
      expect(await operations.openChange("p")).toBeUndefined();
      await child("a", "p");
      const first = (await operations.openChange("p")) ?? Number.NaN;
      await child("a", "p", 2);
      const second = (await operations.openChange("p")) ?? Number.NaN;
      expect(second).toBeGreaterThan(first);
      await operations.settleChange("p", first);
      expect(await operations.openChange("p")).toBe(second);
      await operations.settleChange("p", second);
      expect(await operations.openChange("p")).toBeUndefined();
      // A put from older knowledge may still be news for the parent.
      await child("a", "p", 1);
      const third = (await operations.openChange("p")) ?? Number.NaN;
      expect(third).toBeGreaterThan(second);
      await operations.settleChange("p", third);
      await operations.remove("a");
      expect(await operations.openChange("p")).toBeGreaterThan(third);
    });

    test("[P-TREE-6] a change that nobody settles is taken over by one node at a time, the oldest first", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      for (const parent of ["p", "q", "r"]) {
        await operations.put(operation(`c-${parent}`, 1, { parent }), hourMs);
        await harness.advance(10);
      }
      expect(await operations.takeChanges(500, 10)).toEqual([]);
      await harness.advance(500);
      const before = (await operations.openChange("p")) ?? Number.NaN;
      const taken = await Promise.all([1, 2, 3].map((n) => operations.takeChanges(500, n)));
      const parents = taken.map((some) => some.map(({ parent }) => parent));
      expect(parents).toEqual([["p"], ["q", "r"], []]);
      const mine = taken[0]?.[0];
      expect(mine?.change).toBeGreaterThan(before);
      await operations.settleChange("p", before);
      expect(await operations.openChange("p")).toBe(mine?.change);
      await operations.settleChange("p", mine?.change ?? 0);
      // The node that took over the others has died.
      await harness.advance(500);
      expect((await operations.takeChanges(500, 10)).map(({ parent }) => parent)).toEqual([
        "q",
        "r",
      ]);
    });

    test("[P-TREE-6] the expiry of a child opens a change of its parent", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      await operations.put(operation("a", 1, { parent: "p" }), 1_000);
      await operations.put(operation("p", 1), hourMs);
      await operations.settleChange("p", (await operations.openChange("p")) ?? 0);
      await harness.advance(2_000);
      expect(await operations.list({ parent: "p", limit: 10 })).toEqual([]);
      expect(await operations.openChange("p")).toBeDefined();
    });

    test("[P-OP-15] the index keeps up to which position the summaries of an operation are published", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      await operations.put(operation("a", 1, {}, { told: "e.1.t" }), hourMs);
      expect(await operations.get("a")).toMatchObject({ told: "e.1.t" });
      await operations.put(operation("a", 1, {}, { offset: 2, told: "e.2.t" }), hourMs);
      expect(await operations.get("a")).toMatchObject({ told: "e.2.t" });
      await operations.put(operation("a", 1, {}, { offset: 1, told: "e.1.t" }), hourMs);
      expect(await operations.get("a")).toMatchObject({ told: "e.2.t" });
    });

    test("a put replaces the operation, which is no longer found by its earlier owner", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      await operations.put(operation("a", 1, { session_id: "s" }), hourMs);
      const changed = operation(
        "a",
        1,
        { session_id: "t", status: "done" },
        { waitingCommands: 1 },
      );
      await operations.put(changed, hourMs);
      expect(await operations.get("a")).toEqual(changed);
      expect(await list(operations, { session: "s" })).toEqual([]);
      expect(await list(operations, { session: "t" })).toEqual(["a"]);
    });

    test("a removed operation is found neither by its id nor by its owner", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      await operations.put(operation("a", 1, { session_id: "s" }), hourMs);
      await operations.remove("a");
      await operations.remove("a");
      expect(await operations.get("a")).toBeUndefined();
      expect(await list(operations, { session: "s" })).toEqual([]);
    });

    test("[G9] overdue operations are listed, the longest overdue first, until they are put again or removed", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      await operations.put(operation("late", 1), hourMs, 2_000);
      await operations.put(operation("later", 2), hourMs, 5_000);
      await operations.put(operation("never", 3), hourMs);
      await operations.put(operation("gone", 4), hourMs, 1_000);
      expect(await operations.due(0, 10)).toEqual([]);
      await harness.advance(6_000);
      expect(await operations.due(0, 10)).toEqual(["gone", "late", "later"]);
      expect(await operations.due(2_000, 10)).toEqual(["gone", "late"]);
      expect(await operations.due(0, 1)).toEqual(["gone"]);
      await operations.remove("gone");
      await operations.put(operation("late", 1), hourMs, 10_000);
      expect(await operations.due(0, 10)).toEqual(["later"]);
      await operations.put(operation("later", 2), hourMs);
      expect(await operations.due(0, 10)).toEqual([]);
      await harness.advance(11_000);
      expect(await operations.due(0, 10)).toEqual(["late"]);
    });

    test("[G9] a put with the fence of an earlier lease does not move the deadline back", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      await operations.put(operation("a", 1, {}, { fence: 2 }), hourMs, 2_000);
      await operations.put(operation("a", 1, {}, { fence: 1, offset: 2 }), hourMs, 30_000);
      await operations.put(operation("b", 1, {}, { fence: 2 }), hourMs, 2_000);
      await operations.put(operation("b", 1, {}, { fence: 1 }), hourMs);
      await operations.put(operation("c", 1, {}, { fence: 2 }), hourMs, 30_000);
      await operations.put(operation("c", 1, {}, { fence: 1 }), hourMs, 1_000);
      await harness.advance(3_000);
      expect([...(await operations.due(0, 10))].sort()).toEqual(["a", "b", "c"]);
      await operations.put(operation("a", 1, {}, { fence: 1, offset: 2 }), hourMs, 30_000);
      await operations.put(operation("b", 1, {}, { fence: 1 }), hourMs);
      expect(await operations.due(0, 10)).toEqual(["c"]);
    });

    test("[G9] a put of an earlier state keeps the newer summary, its owners, its commands and the earlier deadline", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      const newer = operation(
        "a",
        1,
        { status: "paused", session_id: "s" },
        { offset: 9, waitingCommands: 1 },
      );
      await operations.put(newer, hourMs, 2_000);
      await operations.put(operation("a", 1, { user_id: "u" }, { offset: 8 }), hourMs, 30_000);
      expect(await operations.get("a")).toMatchObject({
        summary: newer.summary,
        waitingCommands: 1,
      });
      expect(await list(operations, { session: "s", waiting: true })).toEqual(["a"]);
      expect(await list(operations, { user: "u" })).toEqual([]);
      await harness.advance(3_000);
      expect(await operations.due(0, 10)).toEqual(["a"]);
      const again = operation("a", 1, { user_id: "u" }, { offset: 8 });
      await operations.put(again, hourMs, 30_000);
      expect(await operations.get("a")).toEqual(again);
      expect(await operations.due(0, 10)).toEqual([]);
    });

    test("a put of another operation with the same id replaces the operation before, whatever its offset", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      await operations.put(operation("a", 1, { user_id: "u" }, { offset: 9, fence: 7 }), hourMs, 1);
      const other = operation("a", 2, { user_id: "v" }, { offset: 1, fence: 1 });
      await operations.put(other, hourMs, 30_000);
      await harness.advance(3_000);
      expect(await operations.get("a")).toEqual(other);
      expect(await list(operations, { user: "u" })).toEqual([]);
      expect(await operations.due(0, 10)).toEqual([]);
    });

    test("an operation is forgotten maxAgeMs after its last put", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      await operations.put(operation("a", 1, { session_id: "s" }), hourMs);
      await operations.put(operation("b", 2, { session_id: "s" }), hourMs);
      await harness.advance(hourMs - 1_000);
      await operations.put(operation("a", 1, { session_id: "s" }), hourMs);
      await harness.advance(2_000);
      expect(await list(operations, { session: "s" })).toEqual(["a"]);
      expect(await operations.get("b")).toBeUndefined();
    });

    test("an operation is forgotten after its own maximum age, even when an operation put before it is kept longer", async () => {
      await using harness = await make();
      const { operations } = harness.engine;
      await operations.put(operation("long", 1, { session_id: "s" }), hourMs, 1_000);
      await operations.put(operation("short", 2, { session_id: "s" }), 2_000, 1_000);
      await harness.advance(3_000);
      expect(await operations.get("short")).toBeUndefined();
      expect(await list(operations)).toEqual(["long"]);
      expect(await list(operations, { session: "s" })).toEqual(["long"]);
      expect(await operations.due(0, 10)).toEqual(["long"]);
    });
  });
}

import { ManualClock, SeededRandom, SharedEngine } from "@milepost/engine/testing";
import type { CreatedOperation } from "@milepost/model";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";

const minute = 60_000;
const zero = {
  steps_done: 0,
  warnings: 0,
  errors: 0,
  questions: 0,
  started: 0,
  finished: 0,
  failed: 0,
  notifications: 0,
};

async function created(t: TestCore, operationId: string, user = "ada"): Promise<CreatedOperation> {
  return t.core.operations.create(t.service, {
    kind: "index",
    title: `Index ${operationId}`,
    operation_id: operationId,
    user_id: user,
    lease_ms: 86_400_000,
  });
}

async function report(
  t: TestCore,
  { operation, lease }: CreatedOperation,
  ...events: [string, object][]
) {
  await t.core.operations.report(t.service, operation.id, {
    lease: lease.token,
    events: events.map(([event, data]) => ({ event, data })),
  });
}

const get = (t: TestCore) => t.core.digests.get(t.user("ada"), "ada");
const seen = (t: TestCore, report: object) => t.core.digests.seen(t.user("ada"), "ada", report);

/** Says that the user has seen everything, and lets time pass. */
async function leave(t: TestCore): Promise<void> {
  await seen(t, (await get(t)).seen);
  await t.clock.advance(minute);
}

describe("the digest of a user who has come back", () => {
  test("[P-DIG-1] a digest counts steps, warnings, questions, ends and notifications since the last position", async () => {
    await using t = testCore();
    const first = await created(t, "a");
    await report(t, first, ["started", {}], ["step", { id: "scan", status: "done" }]);
    await leave(t);
    await report(
      t,
      first,
      ["step", { id: "read", status: "done" }],
      ["step", { id: "read", status: "done" }],
      ["step", { id: "embed", percent: 50 }],
      ["log", { level: "warning", message: "one file left out" }],
      ["log", { level: "info", message: "half" }],
      ["log", { level: "error", message: "one file broken" }],
    );
    const asked = { kind: "approve", prompt: "Go on?" } as const;
    await t.core.questions.ask(t.service, "a", asked);
    await t.core.channels.notify(t.service, "ada", { message: "hello" });
    const second = await created(t, "b");
    await report(t, second, ["started", {}], ["done", {}]);
    await created(t, "c", "bo");
    const digest = await get(t);
    expect(digest).toMatchObject({ open_questions: 1, more: false });
    expect(digest.totals).toEqual({
      steps_done: 1,
      warnings: 1,
      errors: 1,
      questions: 1,
      started: 1,
      finished: 1,
      failed: 0,
      notifications: 1,
    });
    expect(digest.operations).toMatchObject([
      { operation_id: "b", started: true, ended: "done", status: "done" },
      { operation_id: "a", title: "Index a", steps_done: 1, warnings: 1, errors: 1, questions: 1 },
    ]);
    expect(digest.operations[1]).not.toHaveProperty("started");
  });

  test("[P-DIG-1] a step counts once in each attempt, also if its producer reports again that the attempt has started", async () => {
    await using t = testCore();
    const operation = await created(t, "a");
    await leave(t);
    const scan: [string, object] = ["step", { id: "scan", status: "done" }];
    await report(t, operation, ["started", {}], scan, ["started", {}], scan);
    expect((await get(t)).operations).toMatchObject([{ steps_done: 1 }]);
    await report(t, operation, ["failed", { error: { code: "x", message: "x", retryable: true } }]);
    expect((await get(t)).operations).toMatchObject([{ steps_done: 1, ended: "failed" }]);
    await report(t, operation, ["started", { attempt: 2 }], scan);
    const [again] = (await get(t)).operations;
    expect(again).toMatchObject({ steps_done: 2 });
    expect(again).not.toHaveProperty("ended");
  });

  test("[P-DIG-2] a user without a last position has missed nothing", async () => {
    await using t = testCore();
    await report(t, await created(t, "a"), ["started", {}], ["done", {}]);
    const digest = await get(t);
    expect(digest).toMatchObject({ totals: zero, operations: [], more: false });
    expect(digest).not.toHaveProperty("since");
    expect(await seen(t, digest.seen)).toEqual({ at: digest.until - 5_000, positions: 2 });
  });

  test("[P-DIG-3] the position is moved by reading, for all devices, and never back", async () => {
    await using t = testCore();
    const operation = await created(t, "a");
    await leave(t);
    await report(t, operation, ["started", {}], ["step", { id: "scan", status: "done" }]);
    const before = await get(t);
    expect(before.totals.steps_done).toBe(1);
    expect((await get(t)).totals.steps_done).toBe(1);
    await seen(t, before.seen);
    expect((await get(t)).totals).toEqual(zero);
    // What comes within the difference of the clocks counts once, since the position is exact.
    await report(t, operation, ["step", { id: "read", status: "done" }]);
    const after = await get(t);
    expect(after.operations).toMatchObject([{ operation_id: "a", steps_done: 1 }]);
    // A device that knows less changes nothing.
    await seen(t, { at: 1, positions: before.seen.positions });
    expect((await get(t)).totals.steps_done).toBe(1);
    await t.clock.advance(minute);
    await seen(t, { now: true });
    expect((await get(t)).totals).toEqual(zero);
    expect((await seen(t, { at: t.clock.now() + 9 * minute })).at).toBe(t.clock.now());
  });

  test("[P-DIG-3] an operation that was read on its own no longer counts, and the others still do", async () => {
    await using t = testCore();
    const [a, b] = [await created(t, "a"), await created(t, "b")];
    await leave(t);
    for (const one of [a, b]) await report(t, one, ["step", { id: "scan", status: "done" }]);
    const { positions = {} } = (await get(t)).seen;
    await seen(t, { positions: { "operation:a": positions["operation:a"] } });
    expect((await get(t)).operations).toMatchObject([{ operation_id: "b", steps_done: 1 }]);
  });

  test("[P-DIG-4] a digest says that there is more where a log has dropped entries or has too many", async () => {
    await using t = testCore({ limits: { maxDigestEntries: 600, maxDigestOperations: 2 } });
    const a = await created(t, "a");
    await leave(t);
    for (let n = 0; n < 8; n++) {
      const lines = Array.from({ length: 100 }, (_, i): [string, object] => [
        "log",
        { level: "warning", message: `${n} ${i}` },
      ]);
      await report(t, a, ...lines);
    }
    await report(t, a, ["failed", { error: { code: "disk", message: "full", retryable: false } }]);
    const digest = await get(t);
    expect(digest).toMatchObject({ more: true, operations: [{ more: true, ended: "failed" }] });
    expect(digest.totals.warnings).toBeGreaterThan(500);
    expect(digest.totals.warnings).toBeLessThan(800);
    await seen(t, digest.seen);
    expect(await get(t)).toMatchObject({ more: false, totals: zero });
    for (const id of ["b", "c", "d"]) await created(t, id);
    const many = await get(t);
    expect(many).toMatchObject({ more: true, operations: [{}, {}] });
  });

  test("[P-DIG-4] a digest after a deleted log, and after more than a day, says that there is more", async () => {
    await using t = testCore();
    const a = await created(t, "a");
    await leave(t);
    await report(t, a, ["step", { id: "scan", status: "done" }]);
    await leave(t);
    await t.core.channels.purge(t.service, "operation:a");
    const again = await created(t, "a");
    await report(t, again, ["step", { id: "scan", status: "done" }]);
    expect(await get(t)).toMatchObject({
      more: true,
      operations: [{ operation_id: "a", more: true }],
    });
    await seen(t, (await get(t)).seen);
    await t.clock.advance(25 * 60 * minute);
    expect(await get(t)).toMatchObject({ more: true, totals: zero });
  });

  test("[P-DIG-5] all of a digest can be said to be seen, also where its bound is above 100 operations", async () => {
    await using t = testCore({ limits: { maxDigestOperations: 120 } });
    for (let n = 0; n < 110; n++) await created(t, `o${n}`);
    const { seen: report } = await get(t);
    expect(Object.keys(report.positions ?? {})).toHaveLength(111);
    expect(await seen(t, report)).toMatchObject({ positions: 111 });
  });

  test("[P-DIG-5] a digest is open to its user and to keys with the scope inbox", async () => {
    await using t = testCore();
    const bo = t.user("bo");
    await expect(t.core.digests.get(bo, "ada")).rejects.toMatchObject({ code: "forbidden" });
    await expect(t.core.digests.seen(bo, "ada", { now: true })).rejects.toMatchObject({
      code: "forbidden",
    });
    expect(await t.core.digests.get(t.service, "ada")).toMatchObject({ totals: zero });
    const wrong = [
      {},
      { at: -1 },
      { positions: { "operation:a": "nonsense" } },
      { positions: { "user:bo": "e.1.t" } },
      { positions: { "chat:1": "e.1.t" } },
      {
        positions: Object.fromEntries(
          Array.from({ length: 101 }, (_, n) => [`operation:${n}`, "e.1.t"]),
        ),
      },
    ];
    for (const report of wrong) {
      await expect(seen(t, report)).rejects.toMatchObject({ code: "bad_message" });
    }
  });

  test("[P-DIG-3] what is older than the time was seen, also in an operation whose position nobody has said", async () => {
    await using t = testCore();
    const operation = await created(t, "a");
    await report(t, operation, ["started", {}], ["step", { id: "scan", status: "done" }]);
    await t.clock.advance(minute);
    await seen(t, { now: true });
    await t.clock.advance(minute);
    await report(t, operation, ["step", { id: "read", status: "done" }]);
    const { operations, more } = await get(t);
    expect(operations).toMatchObject([{ operation_id: "a", steps_done: 1 }]);
    expect(operations[0]).not.toHaveProperty("started");
    expect(more).toBe(false);
  });

  test("[P-DIG-3] the position is the same at every node", async () => {
    const clock = new ManualClock();
    const engine = new SharedEngine(clock, new SeededRandom());
    engine.isShared = true;
    await using t = testCore({ clock, engine: engine.factory, node: "node-1" });
    await using other = testCore({ clock, engine: engine.factory, node: "node-2" });
    await created(t, "a");
    await leave(t);
    await seen(other, { now: true });
    expect((await get(t)).since).toBe(t.clock.now() - 5_000);
  });
});

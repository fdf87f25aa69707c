import { FaultyEngine } from "@milepost/engine/testing";
import type {
  CreatedOperation,
  CreateOperation,
  OperationState,
  ReportResult,
} from "@milepost/model";
import { describe, expect, test } from "vitest";
import { type TestCore, type TestSocket, testCore } from "../testing/index.ts";

const input: CreateOperation = {
  kind: "index",
  title: "Index folder",
  session_id: "s",
  user_id: "ada",
  producer_id: "worker 1/π",
  steps: [{ id: "scan" }, { id: "write", weight: 3 }],
  input: { folder: "docs" },
};

function create(t: TestCore, more: Partial<CreateOperation> = {}): Promise<CreatedOperation> {
  return t.core.operations.create(t.service, { ...input, ...more });
}

/** Reports events given as name, data and optional key. */
async function report(
  t: TestCore,
  { operation, lease }: CreatedOperation,
  ...events: readonly (readonly [event: string, data?: unknown, key?: string])[]
): Promise<readonly ReportResult[]> {
  return t.core.operations.report(t.service, operation.id, {
    lease: lease.token,
    events: events.map(([event, data = {}, key]) =>
      key === undefined ? { event, data } : { event, data, key },
    ),
  });
}

async function state(t: TestCore, { operation }: CreatedOperation): Promise<OperationState> {
  return (await t.core.operations.get(t.service, operation.id)).operation;
}

async function watch(t: TestCore, channel: string): Promise<TestSocket> {
  const socket = t.connect({ principal: t.user("ada", { session: "s" }), channels: [channel] });
  await t.clock.settle();
  socket.take();
  return socket;
}

async function names(t: TestCore, { channel }: CreatedOperation): Promise<string[]> {
  const { entries } = await t.core.channels.history(t.service, channel, { limit: 1_000 });
  return entries.map(({ event }) => event);
}

describe("creating operations", () => {
  test("[P-OP-1] creating an operation logs a created event as the first entry and returns the operation", async () => {
    await using t = testCore();
    const created = await create(t, { operation_id: "op-1" });
    expect(created).toMatchObject({
      channel: "operation:op-1",
      duplicate: false,
      lease: { fence: 1, ttl_ms: 30_000 },
      operation: {
        id: "op-1",
        kind: "index",
        title: "Index folder",
        status: "waiting",
        session_id: "s",
        user_id: "ada",
        input: { folder: "docs" },
        offset: 1,
      },
    });
    expect(created.operation.steps.map(({ id, weight }) => [id, weight])).toEqual([
      ["scan", 1],
      ["write", 3],
    ]);
    expect(await names(t, created)).toEqual(["created"]);
    const { operation, position } = await t.core.operations.get(t.service, "op-1");
    expect(operation).toEqual(created.operation);
    expect(position).toMatch(/\.1\./);
  });

  test("[P-OP-8] a create repeated with the same id and key returns the existing operation and its lease", async () => {
    await using t = testCore();
    const [first, second] = await Promise.all([
      create(t, { operation_id: "op-1" }),
      create(t, { operation_id: "op-1" }),
    ]);
    expect([first.duplicate, second.duplicate]).toEqual([false, true]);
    expect(second.operation).toEqual(first.operation);
    expect(second.lease).toEqual(first.lease);
    expect(await names(t, first)).toEqual(["created"]);
    const results = await report(t, first, ["started"]);
    expect(results).toMatchObject([{ duplicate: false }]);
  });

  test("[P-OP-8] [G9] a create repeated after the lease has ended, or by another producer, takes a new lease", async () => {
    await using t = testCore();
    const first = await create(t, { operation_id: "op-1" });
    const other = await create(t, { operation_id: "op-1", producer_id: "worker 2" });
    expect(other).toMatchObject({ duplicate: true, lease: { fence: 2 } });
    await expect(report(t, first, ["started"])).rejects.toMatchObject({ code: "stale_lease" });
    await t.clock.advance(31_000);
    const later = await create(t, { operation_id: "op-1" });
    expect(later).toMatchObject({ duplicate: true, lease: { fence: 3 } });
  });

  test("[P-OP-8] creating an operation with an id that another key has used is already_exists", async () => {
    await using t = testCore();
    await create(t, { operation_id: "op-1" });
    const other = { kind: "service", name: "other" } as const;
    await expect(
      t.core.operations.create(other, { ...input, operation_id: "op-1" }),
    ).rejects.toMatchObject({ code: "already_exists" });
  });

  test("a create that failed midway can be repeated", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    faulty.isDown = true;
    await expect(create(t, { operation_id: "op-1" })).rejects.toMatchObject({
      code: "store_unavailable",
    });
    faulty.isDown = false;
    expect(await create(t, { operation_id: "op-1" })).toMatchObject({ duplicate: false });
  });

  test("a create with an invalid field is refused as bad_message with the field's name, and users may not create operations", async () => {
    await using t = testCore();
    for (const [wrong, field] of [
      [{ kind: "" }, "kind"],
      [{ operation_id: "a b" }, "operation_id"],
      [{ operation_id: "a:b" }, "operation_id"],
      [{ session_id: "" }, "session_id"],
      [{ user_id: "a\ud83d" }, "user_id"],
      [{ steps: [{ id: "a" }, { id: "a" }] }, "steps"],
      [{ lease_ms: 1 }, "lease_ms"],
      [{ input: 1n }, "data"],
    ] as const) {
      await expect(create(t, wrong as object)).rejects.toMatchObject({
        code: "bad_message",
        message: expect.stringContaining(field),
      });
    }
    await expect(t.core.operations.create(t.user("ada"), input)).rejects.toMatchObject({
      code: "forbidden",
    });
    expect((await t.core.operations.list(t.service, {})).operations).toEqual([]);
  });
});

describe("reporting on operations", () => {
  test("[P-OP-2] reported events are logged in order, and each has its own result", async () => {
    await using t = testCore();
    const created = await create(t);
    const results = await report(
      t,
      created,
      ["started"],
      ["step", { id: "scan", percent: 50 }],
      ["nonsense"],
      ["progress", { percent: 500 }],
      ["step", { id: "scan", status: "done" }],
      ["done", { result: { files: 3 } }],
    );
    expect(results.map((result) => ("error" in result ? result.error.code : "ok"))).toEqual([
      "ok",
      "ok",
      "bad_message",
      "bad_message",
      "ok",
      "ok",
    ]);
    expect(await names(t, created)).toEqual(["created", "started", "step", "step", "done"]);
    expect(await state(t, created)).toMatchObject({
      status: "done",
      percent: 100,
      result: { files: 3 },
    });
  });

  test("[P-OP-1] events that only the gateway publishes cannot be reported", async () => {
    await using t = testCore();
    const created = await create(t);
    const own = { operation_id: created.operation.id, kind: "index" };
    const results = await report(
      t,
      created,
      ["created", own],
      ["stalled", { silent_ms: 1 }],
      ["revived"],
      ["lost", { silent_ms: 1 }],
      ["command", { command_id: "c", command: "cancel", phase: "requested" }],
      ["command", { command_id: "c", command: "cancel", phase: "timed_out" }],
    );
    for (const result of results) expect(result).toMatchObject({ error: { code: "bad_message" } });
    expect(await names(t, created)).toEqual(["created"]);
  });

  test("[P-OP-3] [P-OP-17] [G9] a report without the lease's token, or with the token of an old lease, is refused as stale_lease, which names the holder", async () => {
    await using t = testCore();
    const created = await create(t);
    const { id } = created.operation;
    const events = [{ event: "started", data: {} }];
    for (const lease of [undefined, "", "guessed", 7]) {
      const reporting = t.core.operations.report(t.service, id, { lease, events } as never);
      await expect(reporting).rejects.toMatchObject({ code: "stale_lease" });
    }
    const taken = await t.core.operations.takeOver(t.service, id, 5_000, "worker-2");
    expect(taken).toMatchObject({ fence: 2, ttl_ms: 5_000 });
    const zombie = report(t, created, ["started"]);
    await expect(zombie).rejects.toMatchObject({
      code: "stale_lease",
      heldBy: { worker: "worker-2", since: t.clock.now() },
    });
    await expect(zombie).rejects.toThrow(/worker-2 holds the lease since 20/);
    await expect(report(t, { ...created, lease: taken }, ["started"])).resolves.toHaveLength(1);
    const asUser = t.core.operations.report(t.user("ada"), id, { lease: taken.token, events });
    await expect(asUser).rejects.toMatchObject({ code: "forbidden" });
    await expect(t.core.operations.takeOver(t.service, "none")).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("[P-OP-4] an ended operation accepts only log events until a started event with a higher attempt", async () => {
    await using t = testCore();
    for (const end of [
      ["done", {}],
      ["failed", { error: { code: "x", message: "y", retryable: true } }],
      ["cancelled", {}],
    ] as const) {
      const created = await create(t);
      const results = await report(
        t,
        created,
        ["started"],
        end,
        ["progress", { percent: 1 }],
        ["log", { message: "bye" }],
        ["started"],
        ["started", { attempt: 1 }],
        ["done"],
        ["started", { attempt: 2 }],
        ["progress", { percent: 5 }],
      );
      expect(results.map((result) => ("error" in result ? result.error.code : "ok"))).toEqual([
        "ok",
        "ok",
        "not_possible_now",
        "ok",
        "not_possible_now",
        "not_possible_now",
        "not_possible_now",
        "ok",
        "ok",
      ]);
      expect(await state(t, created)).toMatchObject({ status: "running", attempt: 2 });
    }
  });

  test("[G3] a repeated report creates no entries, even when it ended the operation", async () => {
    await using t = testCore();
    const created = await create(t);
    const events = [
      ["started", {}, "1"],
      ["log", { message: "once" }, "2"],
      ["done", {}, "3"],
    ] as const;
    const first = await report(t, created, ...events);
    const again = await report(t, created, ...events);
    expect(again).toEqual(first.map((result) => ({ ...result, duplicate: true })));
    expect(await names(t, created)).toEqual(["created", "started", "log", "done"]);
    expect((await state(t, created)).log_total).toBe(1);
  });

  test("[P-HTTP-3] after a retryable failure the remaining events of a report are not tried", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    const created = await create(t);
    faulty.refuses = ({ json }) => json.includes("second");
    const lines = ["first", "second", "third"].map(
      (message) => ["log", { message }, message] as const,
    );
    const results = await report(t, created, ...lines);
    expect(results).toMatchObject([
      { duplicate: false },
      { error: { code: "store_unavailable", retryable: true } },
      { error: { code: "store_unavailable", retryable: true } },
    ]);
    faulty.refuses = () => false;
    const again = await report(t, created, ...lines);
    expect(again).toMatchObject([{ duplicate: true }, { duplicate: false }, { duplicate: false }]);
    const { log } = await state(t, created);
    expect(log.map(({ message }) => message)).toEqual(["first", "second", "third"]);
  });

  test("an event with data that JSON cannot express is refused with bad_message, the others are accepted", async () => {
    await using t = testCore();
    const created = await create(t);
    const results = await report(
      t,
      created,
      ["log", { message: "a", data: 1n }],
      ["log", { message: "b" }],
    );
    expect(results).toMatchObject([{ error: { code: "bad_message" } }, { duplicate: false }]);
  });
});

describe("silent producers", () => {
  test("[P-OP-5] [G9] an operation is stalled when its producer is silent for the length of its lease, and lost after ten times that", async () => {
    await using t = testCore();
    const created = await create(t, { lease_ms: 10_000 });
    await report(t, created, ["started"]);
    await t.clock.advance(9_900);
    expect((await state(t, created)).status).toBe("running");
    await t.clock.advance(200);
    expect((await state(t, created)).status).toBe("stalled");
    await t.clock.advance(89_500);
    expect((await state(t, created)).status).toBe("stalled");
    await t.clock.advance(600);
    expect((await state(t, created)).status).toBe("lost");
    await t.clock.advance(1_000_000);
    expect(await names(t, created)).toEqual(["created", "started", "estimate", "stalled", "lost"]);
  });

  test("[TRAP-13] [P-OP-5] a waiting operation whose producer is gone becomes stalled and lost", async () => {
    await using t = testCore();
    const created = await create(t, { lease_ms: 10_000 });
    await report(t, created, ["waiting", { position: 1, total: 2 }]);
    await t.clock.advance(11_000);
    expect(await state(t, created)).toMatchObject({ status: "stalled" });
    await t.clock.advance(100_000);
    expect(await state(t, created)).toMatchObject({ status: "lost" });
    const { operations } = await t.core.operations.list(t.service, { status: "waiting" });
    expect(operations).toEqual([]);
  });

  test("[P-OP-5] every report renews the lease, even an empty one", async () => {
    await using t = testCore();
    const created = await create(t, { lease_ms: 10_000 });
    await report(t, created, ["started"]);
    for (let i = 0; i < 10; i++) {
      await t.clock.advance(8_000);
      await report(t, created);
    }
    expect(await names(t, created)).toEqual(["created", "started", "estimate"]);
  });

  test("[P-OP-5] setting the wall clock back does not keep a silent producer alive", async () => {
    await using t = testCore();
    const created = await create(t);
    await report(t, created, ["started"]);
    t.clock.jump(-3_600_000);
    await t.clock.advance(31_000);
    expect((await state(t, created)).status).toBe("stalled");
  });

  test("[P-OP-5] [G9] an operation is watched even if the store's answer to its create was lost", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    faulty.losesAnswer = ({ event }) => event === "created";
    const asked = create(t, { operation_id: "o", lease_ms: 10_000 });
    await expect(asked).rejects.toMatchObject({ code: "store_unavailable" });
    await t.clock.advance(11_000);
    const { operation } = await t.core.operations.get(t.service, "o");
    expect(operation.status).toBe("stalled");
  });

  test("a node stops watching an operation whose create was not stored", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    faulty.refuses = ({ event }) => event === "created";
    const timers = t.clock.pendingTimers;
    const asked = create(t, { operation_id: "o", lease_ms: 10_000 });
    await expect(asked).rejects.toMatchObject({ code: "store_unavailable" });
    // The only timer left is the store's own sweep.
    await t.clock.advance(11_000);
    expect(t.clock.pendingTimers).toBeLessThanOrEqual(timers + 1);
  });

  test("[P-OP-5] a report on a stalled operation first publishes revived, and restores the status from before the stall", async () => {
    await using t = testCore();
    const created = await create(t, { lease_ms: 10_000 });
    await report(t, created, ["started"], ["paused"]);
    await t.clock.advance(11_000);
    expect((await state(t, created)).status).toBe("stalled");
    await report(t, created, ["log", { message: "back" }]);
    expect(await names(t, created)).toEqual([
      "created",
      "started",
      "paused",
      "stalled",
      "revived",
      "log",
    ]);
    expect((await state(t, created)).status).toBe("paused");
    await t.clock.advance(11_000);
    expect((await state(t, created)).status).toBe("stalled");
  });

  test("[P-OP-4] a lost operation has ended until a higher attempt starts, and is then watched again", async () => {
    await using t = testCore();
    const created = await create(t, { lease_ms: 1_000 });
    await t.clock.advance(12_000);
    const [late, again] = await report(
      t,
      created,
      ["progress", { percent: 1 }],
      ["started", { attempt: 2 }],
    );
    expect(late).toMatchObject({ error: { code: "not_possible_now" } });
    expect(again).toMatchObject({ duplicate: false });
    await t.clock.advance(2_000);
    expect((await state(t, created)).status).toBe("stalled");
  });

  test("an operation that has ended leaves no timer behind", async () => {
    await using t = testCore();
    const timers = t.clock.pendingTimers;
    const many = await Promise.all(Array.from({ length: 50 }, () => create(t)));
    for (const created of many) await report(t, created, ["done"]);
    await t.clock.advance(10_000_000);
    for (const created of many) expect(await names(t, created)).toEqual(["created", "done"]);
    expect(t.clock.pendingTimers).toBeLessThanOrEqual(timers + 1);
  });

  test("[P-OP-5] an operation that becomes overdue during an outage of the store is marked stalled after the outage", async () => {
    const faulty = new FaultyEngine();
    await using t = testCore({ engine: faulty.factory });
    const created = await create(t, { lease_ms: 10_000 });
    faulty.isDown = true;
    await t.clock.advance(12_000);
    faulty.isDown = false;
    await t.clock.advance(2_000);
    expect((await state(t, created)).status).toBe("stalled");
  });
});

describe("visibility of operations", () => {
  test("[P-OP-6] the session and the user receive a summary only when status, step or whole percent change", async () => {
    await using t = testCore();
    const user = await watch(t, "user:ada");
    const session = await watch(t, "session:s");
    const created = await create(t, { steps: [] });
    const summaries = async () => {
      await t.clock.settle();
      const ofUser = user.take().map(({ data }) => data);
      expect(session.take().map(({ data }) => data)).toEqual(ofUser);
      return ofUser as { status: string; percent: number }[];
    };
    expect(await summaries()).toMatchObject([
      { operation_id: created.operation.id, status: "waiting" },
    ]);
    await report(t, created, ["started"]);
    expect(await summaries()).toMatchObject([{ status: "running" }]);
    await report(t, created, ["log", { message: "a" }], ["progress", { percent: 0.5 }]);
    expect(await summaries()).toEqual([]);
    await report(
      t,
      created,
      ["progress", { percent: 1.2 }],
      ["progress", { percent: 1.9 }],
      ["progress", { percent: 2 }],
    );
    expect((await summaries()).map(({ percent }) => percent)).toEqual([1.2, 2]);
    await t.clock.advance(31_000);
    expect(await summaries()).toMatchObject([{ status: "stalled" }]);
  });

  test("[P-OP-6] a late subscriber of a user's channel finds the latest summary of each operation", async () => {
    await using t = testCore();
    const first = await create(t);
    const second = await create(t);
    await report(t, first, ["done"]);
    const socket = t.connect({ principal: t.user("ada"), channels: ["user:ada"] });
    await t.clock.settle();
    expect(socket.take()[1]).toMatchObject({
      snapshot: {
        projection: "personal",
        state: {
          operations: {
            [first.operation.id]: { status: "done" },
            [second.operation.id]: { status: "waiting" },
          },
        },
      },
    });
  });

  test("the list of operations is newest first, and a user sees only their own", async () => {
    await using t = testCore();
    const ids: Record<string, string> = {};
    for (const [name, owner] of [
      ["mine", { user_id: "ada", session_id: "x" }],
      ["here", { user_id: "bob", session_id: "s" }],
      ["theirs", { user_id: "bob", session_id: "y" }],
    ] as const) {
      await t.clock.advance(1_000);
      ids[name] = (await create(t, owner)).operation.id;
    }
    const ada = t.user("ada", { session: "s" });
    const list = async (principal: Parameters<typeof t.core.operations.list>[0], filter = {}) =>
      (await t.core.operations.list(principal, filter)).operations.map(
        ({ operation_id }) => operation_id,
      );
    expect(await list(t.service)).toEqual([ids.theirs, ids.here, ids.mine]);
    expect(await list(ada)).toEqual([ids.here, ids.mine]);
    expect(await list(ada, { limit: 1 })).toEqual([ids.here]);
    expect(await list(ada, { user: "ada" })).toEqual([ids.mine]);
    expect(await list(ada, { session: "s" })).toEqual([ids.here]);
    expect(await list(ada, { user: "bob" })).toEqual([]);
    expect(await list(ada, { session: "y" })).toEqual([]);
    expect(await list(ada, { status: "done" })).toEqual([]);
    expect(await list(t.user(undefined))).toEqual([]);
    expect(await list(t.service, { producer: input.producer_id })).toHaveLength(3);
  });

  test("[P-OP-7] another user's operation looks like a missing one: not_found to get and command, pending to subscribe, forbidden to read", async () => {
    await using t = testCore();
    const { operation, channel } = await create(t, { user_id: "bob", session_id: "y" });
    const ada = t.user("ada", { session: "s" });
    for (const id of [operation.id, "none", "a b", "a:b", ""]) {
      const code = "not_found";
      await expect(t.core.operations.get(ada, id)).rejects.toMatchObject({ code });
      await expect(t.core.operations.command(ada, id, { command: "cancel" })).rejects.toMatchObject(
        { code },
      );
    }
    for (const name of [channel, "operation:none"]) {
      const socket = t.connect({ principal: ada, channels: [name] });
      await t.clock.settle();
      expect(socket.take()[1]).toEqual({
        type: "subscribed",
        channel: name,
        position: "pending.0.0",
        recovered: false,
        pending: true,
      });
      for (const read of ["history", "snapshot"] as const) {
        await expect(t.core.channels[read](ada, name)).rejects.toMatchObject({
          code: "forbidden",
        });
      }
    }
    const bob = t.connect({ principal: t.user("bob"), channels: [channel] });
    await t.clock.settle();
    expect(bob.take()[1]).toMatchObject({ type: "subscribed", channel });
  });

  test("[TRAP-11] a connection that closes does not end the operation it watched", async () => {
    await using t = testCore();
    const created = await create(t);
    const socket = await watch(t, created.channel);
    await report(t, created, ["started"]);
    socket.drop();
    await t.clock.settle();
    expect(await state(t, created)).toMatchObject({ status: "running" });
    await report(t, created, ["progress", { percent: 40 }]);
    expect(await names(t, created)).toEqual(["created", "started", "estimate", "progress"]);
  });

  test("a purged operation is removed from the list, and its id can be used again", async () => {
    await using t = testCore();
    const created = await create(t, { operation_id: "op-1" });
    await t.core.channels.purge(t.service, created.channel);
    await expect(state(t, created)).rejects.toMatchObject({ code: "not_found" });
    expect((await t.core.operations.list(t.service, {})).operations).toEqual([]);
    await t.clock.advance(600_000);
    expect(await create(t, { operation_id: "op-1" })).toMatchObject({ duplicate: false });
  });
});

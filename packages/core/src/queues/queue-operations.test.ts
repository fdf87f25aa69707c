import { type Engine, type EngineFactory, memoryEngine } from "@milepost/engine";
import type { ClaimedTicket, OperationState } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";
import type { QueueRule } from "./queue-rule.ts";

const preview: QueueRule = {
  queue: "preview",
  join: "authenticated",
  capacity: 1,
  operation: { kind: "preview", title: "Preview" },
};

async function stateOf(t: TestCore, id: string | undefined): Promise<OperationState> {
  return (await t.core.operations.get(t.service, id ?? "")).operation;
}

/** Memory engine whose queues a test changes. */
function engineWith(change: (queues: Engine["queues"]) => void): EngineFactory {
  return (context) => {
    const engine = memoryEngine()(context);
    change(engine.queues);
    return engine;
  };
}

/** Memory engine that refuses the events of chosen operations. */
class RefusingEngine {
  /** Selects the operations by their channel. */
  refuses: (channel: string) => boolean = () => false;

  readonly factory: EngineFactory = (context) => {
    const engine = memoryEngine()(context);
    const append = engine.log.append.bind(engine.log);
    engine.log.append = (channel, entry, policy) =>
      channel.startsWith("operation:") && this.refuses(channel)
        ? Promise.reject(new MilepostError("store_unavailable", "the store is away"))
        : append(channel, entry, policy);
    return { ...engine, isShared: true };
  };
}

/** Calls that a test holds back once they have their result. */
class Held {
  isHolding = false;
  readonly #release: (() => void)[] = [];

  get size(): number {
    return this.#release.length;
  }

  through<A extends unknown[], R>(call: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
    return async (...args) => {
      const result = await call(...args);
      if (this.isHolding) await new Promise<void>((resolve) => this.#release.push(resolve));
      return result;
    };
  }

  release(): void {
    this.isHolding = false;
    for (const release of this.#release.splice(0)) release();
  }
}

/** Reports an event as the worker that has claimed a ticket. */
async function report(t: TestCore, claimed: ClaimedTicket | undefined, event: string) {
  const lease = claimed?.operation_lease?.token ?? "";
  const events = [{ event, data: event === "progress" ? { percent: 10 } : {} }];
  return t.core.operations.report(t.service, claimed?.operation_id ?? "", { lease, events });
}

describe("an operation that is a ticket first", () => {
  test("[P-QUE-17] a place that is told late takes no operation from the worker that has started it meanwhile", async () => {
    const held = new Held();
    const engine = engineWith((store) => {
      store.get = held.through(store.get.bind(store));
    });
    await using t = testCore({ queues: [preview], engine });
    const { queues } = t.core;
    const ada = t.user("ada");
    t.connect({ principal: ada });
    const bob = await queues.join(t.user("bob"), "preview", {});
    const ticket = await queues.join(ada, "preview", {});
    await t.clock.advance(200);
    await queues.leave(t.user("bob"), "preview", bob.id);
    held.isHolding = true;
    await t.clock.advance(200);
    expect(held.size).toBe(1);
    const claimed = await queues.claim(t.service, "preview", { worker: "w" });
    expect(claimed?.id).toBe(ticket.id);
    await report(t, claimed, "started");
    held.release();
    await t.clock.advance(200);
    expect(await stateOf(t, ticket.operation_id)).toMatchObject({ status: "running" });
    expect(await report(t, claimed, "progress")).toMatchObject([{ duplicate: false }]);
  });

  test("[P-QUE-17] a return that is told late takes no operation from the next worker", async () => {
    const held = new Held();
    const engine = engineWith((store) => {
      store.sweep = held.through(store.sweep.bind(store));
    });
    await using t = testCore({ queues: [preview], engine });
    const { queues } = t.core;
    const ticket = await queues.join(t.user("ada"), "preview", {});
    const lost = await queues.claim(t.service, "preview", { worker: "w", lease_ms: 5_000 });
    await report(t, lost, "started");
    await t.clock.advance(4_500);
    held.isHolding = true;
    await t.clock.advance(1_000);
    const next = await queues.claim(t.service, "preview", { worker: "w2" });
    expect(next).toMatchObject({ id: ticket.id, attempt: 2 });
    await report(t, next, "started");
    held.release();
    await t.clock.advance(200);
    expect(await stateOf(t, ticket.operation_id)).toMatchObject({ status: "running" });
    expect(await report(t, next, "progress")).toMatchObject([{ duplicate: false }]);
  });

  test("[P-QUE-17] a worker that claims a ticket at once gets the lease of its operation", async () => {
    const claims: Promise<ClaimedTicket | undefined>[] = [];
    const claim = () => t.core.queues.claim(t.service, "preview", { worker: "w" });
    const engine = engineWith((store) => {
      const join = store.join.bind(store);
      store.join = async (queue, request) => {
        const joined = await join(queue, request);
        claims.push(claim());
        await claims[0];
        return joined;
      };
    });
    await using t: TestCore = testCore({ queues: [preview], engine });
    const ticket = await t.core.queues.join(t.user("ada"), "preview", {});
    const claimed = await claims[0];
    expect(claimed).toMatchObject({ id: ticket.id, operation_id: ticket.operation_id });
    expect(await report(t, claimed, "started")).toMatchObject([{ duplicate: false }]);
  });

  test("[P-QUE-17] a join that is repeated creates the operation that its ticket lacks, and no other one", async () => {
    let store: Engine["queues"] | undefined;
    const engine = engineWith((queues) => {
      store = queues;
    });
    await using t = testCore({ queues: [preview], engine });
    const { queues, operations } = t.core;
    await queues.configure(t.service, "preview", { capacity: 1 });
    const data = JSON.stringify({ user: "ada", operation: "lost" });
    await store?.join("preview", { id: "t1", owner: "user:ada", data });
    const ticket = await queues.join(t.user("ada"), "preview", {});
    expect(ticket).toMatchObject({ id: "t1", operation_id: "lost", duplicate: true });
    expect(await stateOf(t, "lost")).toMatchObject({
      status: "waiting",
      user_id: "ada",
      waiting: { position: 1, ticket: "t1" },
    });
    await queues.join(t.user("ada"), "preview", {});
    const list = await operations.list(t.service, { kind: "preview" });
    expect(list.operations).toHaveLength(1);
  });

  test("[P-QUE-17] a join that is refused leaves no operation that waits", async () => {
    await using t = testCore({ queues: [{ ...preview, maxWaiting: 1 }] });
    const { queues, operations } = t.core;
    await queues.join(t.user("ada"), "preview", {});
    const refused = queues.join(t.user("bob"), "preview", {});
    await expect(refused).rejects.toMatchObject({ code: "queue_full" });
    const { operations: found } = await operations.list(t.service, { user: "bob" });
    expect(found.map(({ status }) => status)).toEqual(["cancelled"]);
  });

  test("[P-QUE-17] a worker that loses its ticket before its first report loses the operation too", async () => {
    await using t = testCore({ queues: [preview] });
    await t.core.queues.join(t.user("ada"), "preview", {});
    const lost = await t.core.queues.claim(t.service, "preview", { worker: "w", lease_ms: 5_000 });
    await t.clock.advance(8_000);
    await expect(report(t, lost, "started")).rejects.toMatchObject({ code: "stale_lease" });
  });

  test("[P-QUE-17] an operation that is a ticket waits with its place, never stalls while it waits, and runs under the same id", async () => {
    await using t = testCore({ queues: [preview] });
    const { queues, operations } = t.core;
    await queues.join(t.user("bob"), "preview", {});
    const ada = t.user("ada");
    const ticket = await queues.join(ada, "preview", {});
    const id = ticket.operation_id;
    const { operation } = await operations.get(ada, id ?? "");
    expect(operation).toMatchObject({
      kind: "preview",
      title: "Preview",
      user_id: "ada",
      status: "waiting",
      waiting: { position: 2, total: 2, queue: "preview", ticket: ticket.id },
    });
    await t.clock.advance(300_000);
    expect(await stateOf(t, id)).toMatchObject({ status: "waiting" });
    const first = await queues.claim(t.service, "preview", { worker: "w" });
    await queues.finish(t.service, "preview", first?.id ?? "", { fence: first?.lease.fence ?? 0 });
    // A worker that never reported has nothing more to say.
    expect(await stateOf(t, first?.operation_id)).toMatchObject({ status: "done" });
    const claimed = await queues.claim(t.service, "preview", { worker: "w" });
    const lease = claimed?.operation_lease?.token ?? "";
    const report = { lease, events: [{ event: "started", data: {} }] };
    expect(await operations.report(t.service, id ?? "", report)).toMatchObject([
      { duplicate: false },
    ]);
    expect(await stateOf(t, id)).toMatchObject({ status: "running", id });
    expect((await stateOf(t, id)).waiting).toBeUndefined();
  });

  test("[P-QUE-17] cancelling a queued operation leaves the queue, and leaving the queue cancels the operation", async () => {
    await using t = testCore({ queues: [preview] });
    const { queues, operations } = t.core;
    const ada = t.user("ada");
    const ticket = await queues.join(ada, "preview", {});
    const id = ticket.operation_id ?? "";
    await operations.command(ada, id, { command: "cancel" });
    const state = await stateOf(t, id);
    expect(state).toMatchObject({ status: "cancelled", commands: [{ phase: "done" }] });
    expect(await queues.get(ada, "preview", ticket.id)).toMatchObject({ status: "left" });
    const next = await queues.join(ada, "preview", {});
    await queues.leave(ada, "preview", next.id);
    expect(await stateOf(t, next.operation_id)).toMatchObject({ status: "cancelled" });
  });

  test("[P-QUE-17] an operation whose worker dies waits again, and the dead worker's later reports are refused", async () => {
    await using t = testCore({ queues: [preview] });
    const { queues, operations } = t.core;
    const ticket = await queues.join(t.user("ada"), "preview", {});
    const id = ticket.operation_id ?? "";
    const claimed = await queues.claim(t.service, "preview", { worker: "w", lease_ms: 5_000 });
    const lease = claimed?.operation_lease?.token ?? "";
    const started = { lease, events: [{ event: "started", data: {} }] };
    await operations.report(t.service, id, started);
    await t.clock.advance(8_000);
    expect(await stateOf(t, id)).toMatchObject({ status: "waiting", waiting: { position: 1 } });
    const late = operations.report(t.service, id, { lease, events: [{ event: "done", data: {} }] });
    await expect(late).rejects.toMatchObject({ code: "stale_lease" });
    const again = await queues.claim(t.service, "preview", { worker: "w2" });
    expect(again).toMatchObject({ operation_id: id, attempt: 2 });
    const fence = again?.lease.fence ?? 0;
    await queues.fail(t.service, "preview", ticket.id, { fence, reason: "no disk" });
    expect(await stateOf(t, id)).toMatchObject({ status: "failed", error: { message: "no disk" } });
  });

  test("[P-QUE-17] a step that is repeated ends the operation that the first attempt could not end", async () => {
    const engine = new RefusingEngine();
    await using t = testCore({ queues: [preview], engine: engine.factory });
    const { queues } = t.core;
    const ada = t.user("ada");
    const outcomes: string[] = [];
    for (const end of ["leave", "finish", "fail"] as const) {
      const { id, operation_id } = await queues.join(ada, "preview", {});
      const claimed =
        end === "leave" ? undefined : await queues.claim(t.service, "preview", { worker: "w" });
      const fence = claimed?.lease.fence ?? 0;
      const step = () =>
        end === "leave"
          ? queues.leave(ada, "preview", id)
          : queues[end](t.service, "preview", id, { fence });
      engine.refuses = () => true;
      await expect(step()).rejects.toMatchObject({ code: "store_unavailable" });
      engine.refuses = () => false;
      await step();
      outcomes.push((await stateOf(t, operation_id)).status);
    }
    expect(outcomes).toEqual(["cancelled", "done", "failed"]);
  });

  test("[P-QUE-17] an operation whose ticket ended unnoticed ends within minutes, and keeps no other one waiting", async () => {
    const engine = new RefusingEngine();
    const rule = { ...preview, graceMs: 10_000 };
    await using t = testCore({ queues: [rule], engine: engine.factory });
    const people = [t.user("ada"), t.user("bob")];
    const ids: string[] = [];
    for (const principal of people) {
      const socket = t.connect({ principal });
      const ticket = await t.core.queues.join(principal, "preview", {});
      ids.push(ticket.operation_id ?? "");
      await t.clock.advance(100);
      socket.drop();
    }
    engine.refuses = (channel) => channel === `operation:${ids[0]}`;
    await t.clock.advance(20_000);
    expect(await stateOf(t, ids[0])).toMatchObject({ status: "waiting" });
    expect(await stateOf(t, ids[1])).toMatchObject({ status: "cancelled" });
    engine.refuses = () => false;
    await t.clock.advance(310_000);
    expect(await stateOf(t, ids[0])).toMatchObject({ status: "cancelled" });
  });

  test("[P-QUE-17] a service names an operation of its own, and a ticket whose operation has ended is skipped", async () => {
    await using t = testCore();
    const { queues, operations } = t.core;
    await queues.configure(t.service, "renders", { capacity: 5 });
    const { operation, lease } = await operations.create(t.service, {
      kind: "render",
      user_id: "ada",
    });
    const ticket = await queues.join(t.service, "renders", {
      user: "ada",
      operation: operation.id,
    });
    expect(ticket.operation_id).toBe(operation.id);
    const made = await queues.join(t.service, "renders", {
      user: "bob",
      operation: { kind: "render", operation_id: "r2" },
    });
    expect(await stateOf(t, "r2")).toMatchObject({ user_id: "bob", waiting: { position: 2 } });
    await operations.report(t.service, operation.id, {
      lease: lease.token,
      events: [{ event: "done", data: {} }],
    });
    const claimed = await queues.claim(t.service, "renders", { worker: "w" });
    expect(claimed?.id).toBe(made.id);
    expect(await queues.get(t.service, "renders", ticket.id)).toMatchObject({ status: "finished" });
    const forged = {
      event: "waiting",
      data: { position: 1, total: 1, queue: "renders", ticket: "x" },
    };
    const [result] = await operations.report(t.service, "r2", {
      lease: claimed?.operation_lease?.token ?? "",
      events: [forged],
    });
    expect(result).toMatchObject({ error: { code: "bad_message" } });
  });
});

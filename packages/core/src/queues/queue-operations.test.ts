import type { OperationState } from "@milepost/model";
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

describe("an operation that is a ticket first", () => {
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

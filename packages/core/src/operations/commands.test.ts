import type { CreatedOperation, OperationCommand, PendingCommand } from "@milepost/model";
import { describe, expect, test } from "vitest";
import { type TestCore, testCore } from "../testing/index.ts";
import { report, runningOperation } from "../testing/running-operation.ts";

function running(t: TestCore, producer = "p"): Promise<CreatedOperation> {
  return runningOperation(t, { producer_id: producer });
}

function command(t: TestCore, { operation }: CreatedOperation, name: string, more: object = {}) {
  return t.core.operations.command(t.user("ada"), operation.id, {
    command: name,
    ...more,
  } as never);
}

async function commands(
  t: TestCore,
  { operation }: CreatedOperation,
): Promise<readonly OperationCommand[]> {
  return (await t.core.operations.get(t.service, operation.id)).operation.commands;
}

async function phases(t: TestCore, { channel }: CreatedOperation): Promise<unknown[]> {
  const { entries } = await t.core.channels.history(t.service, channel, { limit: 1_000 });
  return entries.flatMap(({ event, data }) =>
    event === "command" ? [(data as OperationCommand).phase] : [],
  );
}

describe("commands of operations", () => {
  test("[P-CMD-1] a command is answered once it is logged, and each later phase is an event of the operation's channel", async () => {
    await using t = testCore();
    const created = await running(t);
    const socket = t.connect({ principal: t.user("ada"), channels: [created.channel] });
    await t.clock.settle();
    socket.take();
    const asked = await command(t, created, "cancel", { args: { why: "enough" } });
    expect(asked).toEqual({ command_id: expect.any(String), phase: "requested" });
    const { command_id } = asked;
    await report(t, created, "command", { command_id, command: "cancel", phase: "acknowledged" });
    await report(t, created, "command", {
      command_id,
      command: "cancel",
      phase: "refused",
      reason: "too late",
    });
    await t.clock.settle();
    expect(socket.take().map(({ data }) => data)).toEqual([
      { command_id, command: "cancel", phase: "requested", by: "ada", args: { why: "enough" } },
      { command_id, command: "cancel", phase: "acknowledged" },
      { command_id, command: "cancel", phase: "refused", reason: "too late" },
    ]);
    expect(await commands(t, created)).toMatchObject([
      { id: command_id, phase: "refused", reason: "too late" },
    ]);
  });

  test("[TRAP-12] [P-CMD-1] a cancel command reaches the producer and does not merely close the stream", async () => {
    await using t = testCore();
    const created = await running(t);
    const { command_id } = await command(t, created, "cancel");
    const [pending] = await t.core.operations.pendingCommands(t.service, { producer: "p" }, 0);
    expect(pending).toMatchObject({
      operation_id: created.operation.id,
      command_id,
      command: "cancel",
      by: "ada",
    });
    const { operation } = await t.core.operations.get(t.service, created.operation.id);
    expect(operation.status).toBe("running");
    await report(t, created, "cancelled", {});
    expect((await t.core.operations.get(t.service, created.operation.id)).operation.status).toBe(
      "cancelled",
    );
  });

  test("[P-CMD-2] a command that the operation's status does not allow is not_possible_now and is not logged", async () => {
    await using t = testCore();
    const created = await running(t);
    const refused = { code: "not_possible_now" };
    await expect(command(t, created, "resume")).rejects.toMatchObject(refused);
    await expect(command(t, created, "retry")).rejects.toMatchObject(refused);
    await report(t, created, "paused", {});
    await expect(command(t, created, "pause")).rejects.toMatchObject(refused);
    await report(t, created, "done", {});
    for (const name of ["cancel", "pause", "resume", "retry"]) {
      await expect(command(t, created, name)).rejects.toMatchObject(refused);
    }
    expect(await phases(t, created)).toEqual([]);
    await expect(command(t, created, "explode")).rejects.toMatchObject({ code: "bad_message" });
  });

  test("[P-CMD-3] a command that is not acknowledged within 15 s is timed_out", async () => {
    await using t = testCore();
    const created = await running(t);
    await command(t, created, "cancel");
    await t.clock.advance(14_900);
    expect(await phases(t, created)).toEqual(["requested"]);
    await t.clock.advance(200);
    expect(await phases(t, created)).toEqual(["requested", "timed_out"]);
    expect(await t.core.operations.pendingCommands(t.service, { producer: "p" }, 0)).toEqual([]);
  });

  test("[P-CMD-3] a command that is not finished within 60 s of its acknowledgement is timed_out", async () => {
    await using t = testCore();
    const created = await running(t);
    const { command_id } = await command(t, created, "pause");
    await t.clock.advance(10_000);
    await report(t, created, "command", { command_id, command: "pause", phase: "acknowledged" });
    await t.clock.advance(59_900);
    expect(await phases(t, created)).toEqual(["requested", "acknowledged"]);
    await t.clock.advance(200);
    expect(await phases(t, created)).toEqual(["requested", "acknowledged", "timed_out"]);
  });

  test("[P-CMD-3] a retry command of a failed operation is timed_out too when nobody acknowledges it", async () => {
    await using t = testCore();
    const created = await running(t);
    await report(t, created, "failed", { error: { code: "x", message: "y", retryable: true } });
    await command(t, created, "retry");
    await t.clock.advance(16_000);
    expect(await phases(t, created)).toEqual(["requested", "timed_out"]);
  });

  test("[P-CMD-4] a report that repeats a command's phase or goes back to an earlier one is ignored", async () => {
    await using t = testCore();
    const created = await running(t);
    const { command_id } = await command(t, created, "cancel");
    const tell = (phase: string) =>
      report(t, created, "command", { command_id, command: "cancel", phase });
    expect(await tell("done")).toMatchObject({ duplicate: false });
    for (const phase of ["acknowledged", "done", "refused"]) {
      expect(await tell(phase)).toMatchObject({ duplicate: true });
    }
    expect(await phases(t, created)).toEqual(["requested", "done"]);
    const unknown = { command_id: "none", command: "cancel", phase: "done" };
    expect(await report(t, created, "command", unknown)).toMatchObject({
      error: { code: "not_found" },
    });
  });

  test("[P-CMD-4] a report that coincides with a command's timeout wins if it comes first", async () => {
    await using t = testCore();
    const created = await running(t);
    const { command_id } = await command(t, created, "cancel");
    await t.clock.advance(14_990);
    const told = report(t, created, "command", {
      command_id,
      command: "cancel",
      phase: "acknowledged",
    });
    await t.clock.advance(200);
    await told;
    expect(await phases(t, created)).toEqual(["requested", "acknowledged"]);
  });

  test("[P-CMD-5] repeating a command with the same key returns the first command, while it is pending and after it has ended", async () => {
    await using t = testCore();
    const created = await running(t);
    const [first, second] = await Promise.all([
      command(t, created, "cancel", { key: "k" }),
      command(t, created, "cancel", { key: "k" }),
    ]);
    expect(second).toEqual(first);
    await report(t, created, "cancelled", {});
    const done = { command_id: first.command_id, command: "cancel", phase: "done" };
    await report(t, created, "command", done);
    // The status would refuse a new command, but the key identifies the old one.
    expect(await command(t, created, "cancel", { key: "k" })).toEqual({ ...first, phase: "done" });
    expect(await phases(t, created)).toEqual(["requested", "done"]);
  });

  test("a command is refused as rate_limited while 20 commands of its operation are unsettled", async () => {
    await using t = testCore();
    const created = await running(t);
    await report(t, created, "accepts", { commands: [{ name: "level" }] });
    for (let n = 0; n < 20; n++) await command(t, created, "level", { key: `k${n}` });
    await expect(command(t, created, "cancel")).rejects.toMatchObject({ code: "rate_limited" });
    expect(await commands(t, created)).toHaveLength(20);
  });
});

describe("producers that wait for commands", () => {
  function wait(
    t: TestCore,
    source: { producer: string } | { operation: string },
    ms = 25_000,
    signal?: AbortSignal,
  ) {
    const told: { commands?: readonly PendingCommand[] } = {};
    void t.core.operations.pendingCommands(t.service, source, ms, signal).then((commands) => {
      told.commands = commands;
    });
    return told;
  }

  test("[P-CMD-6] a waiting producer receives a command as soon as it is requested, without polling", async () => {
    await using t = testCore();
    const created = await running(t, "work er/1");
    const byProducer = wait(t, { producer: "work er/1" });
    const byOperation = wait(t, { operation: created.operation.id });
    const other = wait(t, { producer: "another" });
    await t.clock.advance(5_000);
    expect(byProducer.commands).toBeUndefined();
    const { command_id } = await command(t, created, "cancel");
    await t.clock.settle();
    expect(byProducer.commands).toMatchObject([{ command_id }]);
    expect(byOperation.commands).toMatchObject([{ command_id }]);
    expect(other.commands).toBeUndefined();
  });

  test("[P-CMD-6] a producer receives all unacknowledged commands, oldest first, until it reports on each", async () => {
    await using t = testCore();
    const [a, b] = [await running(t), await running(t)];
    const asked: string[] = [];
    for (const [created, name] of [
      [b, "pause"],
      [a, "cancel"],
      [b, "cancel"],
    ] as const) {
      asked.push((await command(t, created, name)).command_id);
      await t.clock.advance(100);
    }
    const ids = async () =>
      (await t.core.operations.pendingCommands(t.service, { producer: "p" }, 25_000)).map(
        ({ command_id }) => command_id,
      );
    expect(await ids()).toEqual(asked);
    expect(await ids()).toEqual(asked);
    await report(t, b, "command", {
      command_id: asked[0],
      command: "pause",
      phase: "acknowledged",
    });
    expect(await ids()).toEqual(asked.slice(1));
  });

  test("a wait for commands ends with an empty list at its timeout or when it is aborted", async () => {
    await using t = testCore();
    await running(t);
    const timed = wait(t, { producer: "p" }, 5_000);
    const abort = new AbortController();
    const aborted = wait(t, { producer: "p" }, 25_000, abort.signal);
    await t.clock.advance(4_900);
    expect(timed.commands).toBeUndefined();
    await t.clock.advance(200);
    expect(timed.commands).toEqual([]);
    abort.abort();
    await t.clock.settle();
    expect(aborted.commands).toEqual([]);
    expect(t.core.stats().channels).toBe(0);
  });

  test("a command requested between the first lookup and the start of the wait is not missed", async () => {
    await using t = testCore();
    const created = await running(t);
    for (let turns = 0; turns < 12; turns++) {
      const waiting = wait(t, { producer: "p" });
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const { command_id } = await command(t, created, "cancel");
      await t.clock.settle();
      expect(waiting.commands).toMatchObject([{ command_id }]);
      await report(t, created, "command", { command_id, command: "cancel", phase: "refused" });
    }
  });

  test("only services may wait for commands, and only for operations that exist", async () => {
    await using t = testCore();
    await expect(
      t.core.operations.pendingCommands(t.user("ada"), { producer: "p" }, 0),
    ).rejects.toMatchObject({ code: "forbidden" });
    await expect(
      t.core.operations.pendingCommands(t.service, { operation: "none" }, 1_000),
    ).rejects.toMatchObject({ code: "not_found" });
  });

  test("a node that shuts down ends the waits for commands", async () => {
    await using t = testCore();
    const waiting = wait(t, { producer: "p" });
    await t.clock.settle();
    await t.clock.until(t.core.shutdown(0));
    expect(waiting.commands).toEqual([]);
  });
});

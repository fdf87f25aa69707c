import type { OperationEvents } from "@milepost/model";
import { describe, expect, test } from "vitest";
import { deferred, fixture, untilAborted } from "./testing/fixture.ts";

const work = { kind: "index", operationId: "op" };

describe("commands to a running operation", () => {
  test("[P-CMD-1] a cancel command aborts the signal; it is acknowledged at once and done once the work has ended", async () => {
    const { producer, gateway, clock } = fixture();
    const run = producer.start(work, async (op) => {
      await op.step("read", () => untilAborted(op.signal));
    });
    await clock.advance(100);
    const id = gateway.command("op", "cancel", { reason: "wrong folder" });
    await clock.advance(100);
    await expect(run.finished).resolves.toMatchObject({ status: "cancelled" });
    expect(gateway.state("op")).toMatchObject({
      status: "cancelled",
      reason: "wrong folder",
      commands: [{ id, phase: "done" }],
      steps: [{ id: "read", status: "skipped" }],
    });
    expect(phases(gateway.data("op", "command"))).toEqual(["requested", "acknowledged", "done"]);
  });

  test("a cancel command is refused when the work finishes nevertheless, and the operation keeps the result", async () => {
    const { producer, gateway, clock } = fixture();
    const held = deferred();
    producer.start(work, async () => {
      await held.promise;
      return 1;
    });
    await clock.advance(100);
    gateway.command("op", "cancel");
    await clock.settle();
    held.resolve();
    await clock.advance(100);
    expect(gateway.state("op")).toMatchObject({
      status: "done",
      commands: [{ phase: "refused", reason: "the operation ended before it could be cancelled" }],
    });
  });

  test("a pause command takes effect at the next pause point, and a resume command lets the work continue", async () => {
    const { producer, gateway, clock } = fixture();
    let rounds = 0;
    const run = producer.start(work, async (op) => {
      for (; rounds < 100; rounds++) {
        await new Promise<void>((resolve) => clock.after(10, resolve));
        await op.pausePoint();
      }
    });
    await clock.advance(105);
    gateway.command("op", "pause", { reason: "lunch" });
    await clock.advance(100);
    expect(gateway.state("op")).toMatchObject({ status: "paused", reason: "lunch" });
    const held = rounds;
    await clock.advance(20_000);
    expect(rounds).toBe(held);
    gateway.command("op", "resume");
    await clock.advance(2_000);
    await expect(run.finished).resolves.toMatchObject({ status: "done" });
    expect(gateway.state("op").commands.map(({ command, phase }) => [command, phase])).toEqual([
      ["pause", "done"],
      ["resume", "done"],
    ]);
  });

  test("a cancel command ends work that is paused", async () => {
    const { producer, gateway, clock } = fixture();
    const run = producer.start(work, async (op) => {
      for (;;) {
        await new Promise<void>((resolve) => clock.after(10, resolve));
        await op.pausePoint();
      }
    });
    await clock.advance(50);
    gateway.command("op", "pause");
    await clock.advance(1_000);
    expect(gateway.state("op").status).toBe("paused");
    gateway.command("op", "cancel");
    await clock.advance(1_000);
    await expect(run.finished).resolves.toMatchObject({ status: "cancelled" });
    expect(gateway.state("op").status).toBe("cancelled");
  });

  test("a pause of work that is held from outside takes effect at once, and a cancel lets the work continue to its end", async () => {
    const { producer, gateway, clock } = fixture();
    const held: string[] = [];
    const run = producer.start(work, async (op) => {
      op.pausable({ pause: () => held.push("pause"), resume: () => held.push("resume") });
      await untilAborted(op.signal);
    });
    await clock.advance(50);
    gateway.command("op", "pause");
    await clock.advance(1_000);
    expect(held).toEqual(["pause"]);
    expect(gateway.state("op")).toMatchObject({ status: "paused", commands: [{ phase: "done" }] });
    gateway.command("op", "resume");
    await clock.advance(1_000);
    gateway.command("op", "pause");
    await clock.advance(1_000);
    gateway.command("op", "cancel");
    await clock.advance(1_000);
    expect(held).toEqual(["pause", "resume", "pause", "resume"]);
    await expect(run.finished).resolves.toMatchObject({ status: "cancelled" });
  });

  test("a pause that the work cannot make is refused with the reason", async () => {
    const { producer, gateway, clock } = fixture();
    producer.start(work, async (op) => {
      op.pausable({
        pause: () => {
          throw new Error("it cannot be stopped now");
        },
        resume: () => {},
      });
      await untilAborted(op.signal);
    });
    await clock.advance(50);
    gateway.command("op", "pause");
    await clock.advance(1_000);
    expect(gateway.state("op")).toMatchObject({
      status: "running",
      commands: [{ phase: "refused", reason: "it cannot be stopped now" }],
    });
  });

  test("a pause command is refused when no pause point is reached in time or before the work ends", async () => {
    const { producer, gateway, clock } = fixture();
    const held = deferred();
    producer.start(work, () => held.promise);
    await clock.advance(50);
    gateway.command("op", "pause");
    await clock.advance(55_000);
    gateway.command("op", "pause");
    await clock.advance(100);
    held.resolve();
    await clock.advance(100);
    expect(gateway.state("op")).toMatchObject({
      status: "done",
      commands: [
        { phase: "refused", reason: "the work reached no pause point in time" },
        { phase: "refused", reason: "the operation ended before it reached a pause point" },
      ],
    });
  });

  test("[P-CMD-6] a command that is delivered repeatedly is executed once, and the producer does not poll in a busy loop", async () => {
    const { producer, gateway, clock } = fixture();
    let aborts = 0;
    const held = deferred();
    producer.start(work, async (op) => {
      op.signal.addEventListener("abort", () => aborts++);
      await held.promise;
    });
    await clock.advance(100);
    // Reports are lost, so the command stays unacknowledged.
    gateway.fault = (name) => (name === "report" ? "lost_request" : "none");
    gateway.command("op", "cancel");
    const before = gateway.calls.length;
    await clock.advance(10_000);
    expect(aborts).toBe(1);
    const polls = gateway.calls.slice(before).filter(({ name }) => name === "pendingCommands");
    expect(polls.length).toBeLessThan(60);
    gateway.fault = () => "none";
    held.resolve();
    await clock.advance(10_000);
    expect(phases(gateway.data("op", "command"))).toEqual(["requested", "acknowledged", "refused"]);
  });

  test("polling for commands continues after every fault and ends when the producer's last operation has ended", async () => {
    const { producer, gateway, clock } = fixture();
    const run = producer.start(work, (op) => untilAborted(op.signal));
    await clock.advance(100);
    for (const fault of ["lost_request", "throw", "hang", "unavailable"] as const) {
      gateway.fault = (name) => (name === "pendingCommands" ? fault : "none");
      await clock.advance(60_000);
    }
    gateway.fault = () => "none";
    await clock.advance(60_000);
    gateway.command("op", "cancel");
    await clock.advance(1_000);
    await expect(run.delivered).resolves.toBe(true);
    const calls = gateway.calls.length;
    await clock.advance(120_000);
    expect(gateway.calls.length).toBe(calls);
  });

  test("a retry command is refused for an operation that cannot be run again", async () => {
    const { producer, gateway, clock } = fixture();
    const held = deferred();
    producer.start({ kind: "other", operationId: "alive" }, () => held.promise);
    await producer.run(work, () => Promise.reject(new Error("no"))).catch(() => {});
    await clock.advance(200);
    gateway.command("op", "retry");
    await clock.advance(200);
    expect(gateway.state("op")).toMatchObject({
      status: "failed",
      commands: [{ phase: "refused", reason: "this work cannot be run again" }],
    });
    held.resolve();
  });

  test("commands are answered for the last 200 operations that have ended, and for no earlier one", async () => {
    const { producer, gateway, clock } = fixture();
    for (let n = 0; n <= 200; n++) {
      producer.start({ kind: "index", operationId: `op-${n}` }, async () => n);
      await clock.advance(100);
    }
    const held = deferred();
    producer.start({ kind: "index", operationId: "last" }, () => held.promise);
    await clock.advance(100);
    for (const id of ["op-0", "op-1"]) gateway.command(id, "cancel");
    await clock.advance(1_000);
    expect(phases(gateway.data("op-0", "command"))).toEqual(["requested"]);
    expect(phases(gateway.data("op-1", "command"))).toEqual(["requested", "refused"]);
    held.resolve();
  });
});

function phases(events: OperationEvents["command"][]): string[] {
  return events.map(({ phase }) => phase);
}

import { describe, expect, test } from "vitest";
import { fixture } from "./testing/fixture.ts";

const work = { kind: "encode", operationId: "op", leaseMs: 30_000 };

describe("an operation that the caller drives", () => {
  test("[P-BUL-2] several processes drive one operation in turn, and it ends once", async () => {
    const { producer, gateway, clock } = fixture();
    const line = producer.drive(work);
    line.waiting({ position: 2, total: 3 });
    await clock.advance(100);
    expect(gateway.state("op")).toMatchObject({ status: "waiting", waiting: { position: 2 } });
    const first = producer.drive(work);
    first.start(1).progress({ percent: 40 });
    await clock.advance(200);
    expect(gateway.state("op")).toMatchObject({ status: "running", attempt: 1, percent: 40 });
    // The line does not know yet that a worker has begun.
    line.waiting({ position: 1, total: 1 });
    await clock.advance(200);
    expect(gateway.state("op").status).toBe("running");
    first.waiting({ position: 0, total: 0 });
    const released = first.release();
    await clock.advance(200);
    await expect(released).resolves.toBe(true);
    expect(gateway.state("op").status).toBe("waiting");
    const second = producer.drive(work);
    second.start(2).info("again");
    second.finish({ frames: 7 });
    await clock.advance(200);
    await expect(second.delivered).resolves.toBe(true);
    expect(gateway.state("op")).toMatchObject({
      status: "done",
      attempt: 2,
      result: { frames: 7 },
    });
    void line.release();
    await producer.close();
  });

  test("[P-BUL-6] work that is still this process's takes its operation back, and other work stops", async () => {
    const { producer, gateway, clock } = fixture();
    for (const isMine of [true, false]) {
      const operationId = isMine ? "mine" : "lost";
      const driven = producer.drive({ ...work, operationId, isStillMine: async () => isMine });
      const { signal, progress } = driven.start(1);
      await clock.advance(100);
      await gateway.takeOver(operationId);
      progress({ percent: 30 });
      await clock.advance(1_000);
      expect(signal.aborted).toBe(!isMine);
      driven.finish("end");
      await clock.advance(1_000);
      expect(gateway.state(operationId).status).toBe(isMine ? "done" : "running");
    }
    await producer.close();
  });

  test("[P-BUL-6] an attempt that has ended for the gateway already begins as the next one", async () => {
    const { producer, gateway, clock } = fixture();
    const first = producer.drive(work);
    first.start(1);
    first.fail(new Error("lost its lock"));
    await clock.advance(200);
    const second = producer.drive(work);
    second.start(1);
    second.finish("encoded");
    await clock.advance(200);
    expect(gateway.state("op")).toMatchObject({ status: "done", attempt: 2, result: "encoded" });
    await producer.close();
  });

  test("[P-BUL-4] an abort ends the work as cancelled, and commands to work elsewhere go to the listener", async () => {
    const foreign: string[] = [];
    const { producer, gateway, clock } = fixture({
      onForeignCommand: ({ command_id }) => foreign.push(command_id),
    });
    const driven = producer.drive(work);
    const { signal } = driven.start(1);
    await clock.advance(100);
    driven.abort("no longer needed");
    expect(signal.reason).toMatchObject({ code: "cancelled", message: "no longer needed" });
    driven.fail(new Error("aborted"));
    await clock.advance(200);
    expect(gateway.state("op")).toMatchObject({ status: "cancelled", reason: "no longer needed" });
    const retry = gateway.command("op", "retry");
    await clock.advance(1_000);
    expect(foreign).toContain(retry);
    await producer.close();
  });
});

import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { deferred, fixture, untilAborted } from "./testing/fixture.ts";

const work = { kind: "index", operationId: "op", session: "s1" };

describe("a run of a job", () => {
  test("a run reports its plan, its start, its progress and its result, in order", async () => {
    const { producer, gateway, clock } = fixture();
    const run = producer.start(
      {
        ...work,
        title: "Index",
        user: "u1",
        steps: [{ id: "scan" }, { id: "read" }],
        input: { path: "." },
      },
      async (op) => {
        expect(op.id).toBe("op");
        expect(op.attempt).toBe(1);
        await op.step("scan", async (step) => {
          step.progress({ done: 3, total: 4, unit: "folders" });
          step.warn("one is locked");
        });
        op.info("scanned", { files: 4 });
        op.text("summary").append("All ").append("good").done();
        return { files: 4 };
      },
    );
    await clock.advance(100);
    await expect(run.finished).resolves.toEqual({ status: "done", result: { files: 4 } });
    await expect(run.delivered).resolves.toBe(true);
    const state = gateway.state("op");
    expect(gateway.names("op")[0]).toBe("created");
    expect(gateway.names("op").at(-1)).toBe("done");
    expect(state).toMatchObject({
      status: "done",
      attempt: 1,
      percent: 100,
      session_id: "s1",
      user_id: "u1",
      producer_id: producer.id,
      input: { path: "." },
      result: { files: 4 },
      texts: { summary: { text: "All good", done: true } },
    });
    expect(state.log.map(({ level, message, step }) => [level, message, step])).toEqual([
      ["warning", "one is locked", "scan"],
      ["info", "scanned", undefined],
    ]);
    expect(state.steps[0]).toMatchObject({ status: "done", counter: { done: 3, total: 4 } });
  });

  test("created resolves to true once the gateway has the operation, while the work goes on", async () => {
    const { producer, gateway, clock } = fixture();
    gateway.fault = () => "unavailable";
    const end = deferred();
    const run = producer.start(work, () => end.promise);
    let created: boolean | undefined;
    void run.created.then((value) => {
      created = value;
    });
    await clock.advance(1_000);
    expect(created).toBeUndefined();
    gateway.fault = () => "none";
    await clock.advance(10_000);
    expect(created).toBe(true);
    expect(gateway.state("op").status).toBe("running");
    end.resolve();
    await clock.advance(1_000);
    await producer.close();
  });

  test("created resolves to false when reporting stops before the gateway has the operation", async () => {
    const { producer, gateway, clock } = fixture();
    gateway.fault = () => "unavailable";
    const run = producer.start(work, () => 1);
    await clock.advance(60_000);
    await expect(run.delivered).resolves.toBe(false);
    await expect(run.created).resolves.toBe(false);
  });

  test("a run resolves with the job's result and rejects with the error that the job throws", async () => {
    const { producer, gateway, clock } = fixture();
    await expect(producer.run(work, () => 7)).resolves.toBe(7);
    const fault = Object.assign(new Error("disk full"), { code: "ENOSPC" });
    await expect(
      producer.run({ ...work, operationId: "op2" }, async (op) => {
        await op.step("write", () => Promise.reject(fault));
      }),
    ).rejects.toBe(fault);
    await clock.advance(100);
    expect(gateway.state("op2")).toMatchObject({
      status: "failed",
      error: { code: "ENOSPC", message: "disk full", retryable: false },
      steps: [{ id: "write", status: "failed" }],
    });
  });

  test("a run ends as cancelled when the caller's signal aborts and the job throws", async () => {
    const { producer, gateway, clock } = fixture();
    const controller = new AbortController();
    const run = producer.run({ ...work, signal: controller.signal }, async (op) => {
      await op.step("wait", () => untilAborted(op.signal));
    });
    const ended = expect(run).rejects.toMatchObject({ code: "cancelled", message: "enough" });
    await clock.advance(100);
    controller.abort(new Error("enough"));
    await clock.advance(100);
    await ended;
    expect(gateway.state("op")).toMatchObject({ status: "cancelled", reason: "enough" });
    expect(gateway.names("op")).not.toContain("failed");
  });

  test("a run does not begin its job when the caller's signal is already aborted", async () => {
    const { producer, gateway, clock } = fixture();
    let began = false;
    const run = producer.run({ ...work, signal: AbortSignal.abort() }, () => {
      began = true;
    });
    await expect(run).rejects.toMatchObject({ code: "cancelled" });
    await clock.advance(100);
    expect(began).toBe(false);
    expect(gateway.state("op").status).toBe("cancelled");
  });

  test("a run whose result is not JSON still ends as done, and the dropped result is reported as a problem", async () => {
    const { producer, gateway, clock, problems } = fixture();
    const loop: { self?: unknown } = {};
    loop.self = loop;
    await expect(producer.run(work, () => loop)).resolves.toBe(loop);
    await clock.advance(100);
    expect(gateway.state("op").status).toBe("done");
    expect(problems).toMatchObject([{ effect: "dropped", event: "done" }]);
  });

  test("a run copies the objects that the job reports, so that the job may change them afterwards", async () => {
    const { producer, gateway, clock } = fixture();
    const data = { at: 1 };
    const update = { done: 1, total: 5 };
    const held = deferred();
    const run = producer.run(work, async (op) => {
      op.info("one", data);
      op.step("scan", update);
      data.at = 2;
      update.done = 5;
      await held.promise;
    });
    await clock.advance(100);
    expect(gateway.state("op").log[0]?.data).toEqual({ at: 1 });
    expect(gateway.state("op").steps[0]?.counter?.done).toBe(1);
    held.resolve();
    await run;
  });
});

describe("reporting never blocks or fails the work (W8)", () => {
  const faults = ["lost_request", "unavailable", "hang", "throw", "late"] as const;
  for (const fault of faults) {
    test(`a gateway whose calls end in "${fault}" delays neither the job nor its result`, async () => {
      const { producer, gateway, clock, problems } = fixture();
      gateway.fault = () => fault;
      let steps = 0;
      const run = producer.start(work, async (op) => {
        for (let i = 0; i < 100; i++) {
          op.step("scan", { done: i, total: 100 });
          await op.pausePoint();
          steps++;
        }
        return "fine";
      });
      // The clock does not advance, so the job cannot have waited for a timer.
      await clock.settle();
      await expect(run.finished).resolves.toEqual({ status: "done", result: "fine" });
      expect(steps).toBe(100);
      await clock.advance(5_000);
      await expect(run.delivered).resolves.toBe(false);
      expect(problems.at(-1)).toMatchObject({ effect: "stopped", operationId: "op" });
    });
  }

  test("a job's reporting calls never throw, whatever values the job passes to them", async () => {
    const { producer, gateway, clock, problems } = fixture();
    const hostile: unknown[] = [
      undefined,
      null,
      Number.NaN,
      10n,
      Symbol("s"),
      () => 1,
      { toString: () => ({}) },
      "x".repeat(20_000),
    ];
    await producer.run(work, (op) => {
      for (const value of hostile) {
        op.info(value as string, value);
        op.step(value as string, value as { percent: number });
        op.progress({ percent: value as number });
        op.progress(value as { percent: number });
        op.steps(value as []);
        op.agent("a", { tasks: value as string[] });
        op.waiting(value as { position: number; total: number });
        op.log(value as { message: string });
      }
      op.success("still here");
    });
    await clock.advance(1_000);
    expect(gateway.state("op").status).toBe("done");
    expect(gateway.state("op").log.at(-1)?.message).toBe("still here");
    expect(problems.every(({ effect }) => effect === "dropped")).toBe(true);
    expect(problems.length).toBeGreaterThan(10);
  });

  test("a problem listener that throws does not disturb the reporting", async () => {
    const { producer, gateway, clock } = fixture({
      onProblem: () => {
        throw new Error("the listener's own");
      },
    });
    gateway.fault = (call) => (call === "create" ? "lost_request" : "none");
    const run = producer.start(work, () => 1);
    await clock.advance(200);
    gateway.fault = () => "none";
    await clock.advance(1_000);
    await expect(run.delivered).resolves.toBe(true);
  });

  test("when the gateway refuses the API key, the reporting stops with one problem and the job finishes", async () => {
    const { producer, gateway, clock, problems } = fixture();
    gateway.refuseReport = () => new MilepostError("unauthenticated", "no such key");
    const held = deferred();
    const run = producer.start(work, () => held.promise);
    await clock.advance(10_000);
    const calls = gateway.calls.filter(({ name }) => name === "report").length;
    expect(calls).toBe(1);
    expect(problems).toMatchObject([{ code: "unauthenticated", effect: "stopped" }]);
    held.resolve();
    await clock.advance(100);
    await expect(run.finished).resolves.toMatchObject({ status: "done" });
    await expect(run.delivered).resolves.toBe(false);
  });
});

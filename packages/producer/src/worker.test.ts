import type { OperationEvents } from "@milepost/model";
import { describe, expect, test } from "vitest";
import { estimateWaits, MeanDuration } from "./estimated-waits.ts";
import { type Deferred, deferred, fixture, untilAborted } from "./testing/fixture.ts";

/** Creates a worker whose jobs run until the test ends them. */
function heldWorker(concurrency = 1) {
  const set = fixture();
  const jobs = new Map<string, Deferred<string>>();
  const worker = set.producer.worker<string, string>({
    kind: "index",
    concurrency,
    title: (input) => `Index ${input}`,
    shownInput: (input) => ({ input }),
    run: (op, input) => {
      const job = deferred<string>();
      jobs.set(input, job);
      return Promise.race([job.promise, untilAborted(op.signal)]);
    },
  });
  const submit = (input: string) => worker.submit({ input, operationId: input, session: "s" });
  const finish = (input: string) => jobs.get(input)?.resolve(`${input} done`);
  return { ...set, worker, jobs, submit, finish };
}

function places(events: OperationEvents["waiting"][]): string[] {
  return events.map(({ position, total }) => `${position}/${total}`);
}

describe("a worker's queue", () => {
  test("a worker runs as many jobs as its concurrency and reports each change in the queue position of the others", async () => {
    const { submit, finish, gateway, clock, worker } = heldWorker();
    const [a, b, c] = [submit("a"), submit("b"), submit("c")];
    await clock.advance(200);
    expect([worker.running, worker.waiting]).toEqual([1, 2]);
    expect(gateway.state("a")).toMatchObject({ status: "running", title: "Index a" });
    expect(gateway.state("c").waiting).toEqual({ position: 2, total: 2 });
    await clock.advance(9_800);
    finish("a");
    await expect(a.finished).resolves.toEqual({ status: "done", result: "a done" });
    await clock.advance(200);
    expect(gateway.state("b").status).toBe("running");
    expect(gateway.state("c").waiting).toEqual({
      position: 1,
      total: 1,
      estimated_wait_ms: 10_000,
    });
    expect(places(gateway.data("c", "waiting"))).toEqual(["2/2", "1/1"]);
    finish("b");
    await clock.advance(200);
    finish("c");
    await clock.advance(200);
    await Promise.all([b.finished, c.finished]);
    expect(gateway.names("b")).toEqual(["created", "waiting", "started", "done"]);
  });

  test.each([
    ["its own code about retrying throws", new Error("disk full"), "disk full"],
    ["what it throws cannot be made a text", Object.create(null), "unknown"],
  ])("a worker continues when a run fails and %s", async (_, thrown: unknown, message) => {
    const { producer, gateway, clock } = fixture();
    const worker = producer.worker<string, string>({
      kind: "index",
      run: async (_op, input) => {
        if (input === "a") throw thrown;
        return input;
      },
      retryable: () => {
        throw new Error("a bug of the application");
      },
    });
    const a = worker.submit({ input: "a", operationId: "a" });
    const b = worker.submit({ input: "b", operationId: "b" });
    await clock.advance(200);
    await expect(b.finished).resolves.toEqual({ status: "done", result: "b" });
    await expect(a.finished).resolves.toEqual({ status: "failed", error: thrown });
    expect(gateway.state("a")).toMatchObject({ status: "failed", error: { retryable: false } });
    expect(gateway.state("a").error?.message).toContain(message);
  });

  test("waiting work can be cancelled, and the work behind it moves up", async () => {
    const { submit, finish, gateway, clock, jobs } = heldWorker();
    submit("a");
    const b = submit("b");
    submit("c");
    await clock.advance(200);
    gateway.command("b", "cancel");
    await clock.advance(200);
    await expect(b.finished).resolves.toMatchObject({ status: "cancelled" });
    expect(gateway.state("b")).toMatchObject({
      status: "cancelled",
      commands: [{ phase: "done" }],
    });
    expect(gateway.state("c").waiting).toMatchObject({ position: 1, total: 1 });
    finish("a");
    await clock.advance(200);
    expect(jobs.has("b")).toBe(false);
    expect(gateway.state("c").status).toBe("running");
  });

  test("[P-OP-4] a retry command puts failed work back into the queue and runs it as the next attempt", async () => {
    const { submit, finish, gateway, clock, jobs } = heldWorker();
    submit("a");
    submit("b");
    await clock.advance(200);
    jobs.get("a")?.reject(new Error("disk"));
    await clock.advance(200);
    expect(gateway.state("a")).toMatchObject({ status: "failed", error: { retryable: true } });
    // The retry comes so late that the old lease is no longer valid.
    gateway.stealLease("a");
    gateway.command("a", "retry");
    await clock.advance(200);
    expect(gateway.state("a")).toMatchObject({
      status: "waiting",
      attempt: 2,
      waiting: { position: 1, total: 1 },
      commands: [{ command: "retry", phase: "done" }],
    });
    finish("b");
    await clock.advance(200);
    expect(gateway.state("a")).toMatchObject({ status: "running", attempt: 2 });
    finish("a");
    await clock.advance(200);
    expect(gateway.state("a")).toMatchObject({ status: "done", attempt: 2 });
    expect(gateway.state("a").error).toBeUndefined();
  });

  test("cancelled work can be retried, cancelled and retried again", async () => {
    const { submit, finish, gateway, clock } = heldWorker();
    submit("a");
    for (let attempt = 2; attempt <= 4; attempt++) {
      await clock.advance(200);
      gateway.command("a", "cancel");
      await clock.advance(200);
      expect(gateway.state("a").status).toBe("cancelled");
      gateway.command("a", "retry");
      await clock.advance(200);
      expect(gateway.state("a")).toMatchObject({ status: "running", attempt });
    }
    finish("a");
    await clock.advance(200);
    expect(gateway.state("a")).toMatchObject({ status: "done", attempt: 4 });
  });

  test("closing the producer cancels waiting work, aborts running work, reports both and refuses new work", async () => {
    const { submit, producer, gateway, clock, worker } = heldWorker();
    const [a, b] = [submit("a"), submit("b")];
    await clock.advance(200);
    const closed = producer.close();
    await clock.advance(6_000);
    await closed;
    await expect(a.finished).resolves.toMatchObject({ error: { code: "shutting_down" } });
    await expect(b.finished).resolves.toMatchObject({ error: { code: "shutting_down" } });
    expect(gateway.state("a")).toMatchObject({
      status: "failed",
      error: { code: "shutting_down" },
    });
    expect(gateway.state("b").status).toBe("failed");
    expect(() => worker.submit({ input: "c" })).toThrowError(/closed/);
    await clock.settle();
    expect(clock.pending).toBe(0);
  });

  test("closing the producer does not wait forever for work that ignores its signal", async () => {
    const { producer, clock, gateway } = fixture();
    producer.start({ kind: "deaf", operationId: "deaf" }, () => new Promise(() => {}));
    gateway.fault = () => "hang";
    const closed = producer.close();
    await clock.advance(20_000);
    await closed;
    expect(clock.pending).toBe(0);
  });
});

describe("the estimated wait", () => {
  test("the estimated wait is one mean duration per item ahead, minus the time that running items have already run", () => {
    expect(estimateWaits(3, 1, [4_000], 10_000)).toEqual([6_000, 16_000, 26_000]);
    expect(estimateWaits(3, 2, [4_000, 1_000], 10_000)).toEqual([6_000, 9_000, 16_000]);
    expect(estimateWaits(2, 1, [99_000], 10_000)).toEqual([0, 10_000]);
    expect(estimateWaits(2, 2, [], 10_000)).toEqual([0, 0]);
  });

  test("the mean duration counts only the latest durations", () => {
    const mean = new MeanDuration(2);
    expect(mean.ms).toBeUndefined();
    for (const ms of [1_000, 10, 20]) mean.add(ms);
    expect(mean.ms).toBe(15);
  });
});

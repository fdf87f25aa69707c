import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import { deferred, fixture } from "./testing/fixture.ts";

const op = "op";
const work = { kind: "index", operationId: "op" };

describe("delivery of reports", () => {
  test("a job that reports progress a million times sends only a few events, and the last of them is correct", async () => {
    const { producer, gateway, clock } = fixture();
    const run = producer.start(work, async (handle) => {
      for (let round = 0; round < 10; round++) {
        for (let i = 1; i <= 20_000; i++)
          handle.step("read", { done: round * 20_000 + i, total: 200_000 });
        await new Promise<void>((resolve) => clock.after(10, resolve));
      }
    });
    await clock.advance(1_000);
    await expect(run.delivered).resolves.toBe(true);
    const steps = gateway.data(op, "step");
    expect(steps.length).toBeLessThan(8);
    expect(steps.at(-1)).toMatchObject({ done: 200_000 });
  });

  test("reports that are not urgent are sent at most once per interval, and lifecycle reports at once", async () => {
    const { producer, gateway, clock } = fixture({ flushIntervalMs: 50 });
    const held = deferred();
    producer.start(work, async (handle) => {
      handle.info("first");
      await new Promise<void>((resolve) => clock.after(5, resolve));
      handle.info("second");
      await held.promise;
    });
    await clock.advance(40);
    expect(gateway.state(op).log.map(({ message }) => message)).toEqual(["first"]);
    await clock.advance(20);
    expect(gateway.state(op).log.map(({ message }) => message)).toEqual(["first", "second"]);
    held.resolve();
    await clock.settle();
    expect(gateway.names(op).at(-1)).toBe("done");
  });

  test("a call with a lost reply or a late request is repeated with the same keys, so each event is stored once", async () => {
    const { producer, gateway, clock } = fixture({ closingFlushMs: 60_000 });
    const script = ["none", "lost_reply", "late", "lost_request", "lost_reply", "none"] as const;
    let call = 0;
    gateway.fault = (name) => (name === "pendingCommands" ? "none" : (script[call++] ?? "none"));
    const run = producer.start(work, (handle) => {
      handle.info("one");
      handle.info("two");
    });
    await clock.advance(60_000);
    await expect(run.delivered).resolves.toBe(true);
    expect(gateway.names(op)).toEqual(["created", "started", "log", "log", "done"]);
    const keys = gateway
      .log(op)
      .slice(1)
      .map(({ key }) => key);
    expect(new Set(keys).size).toBe(4);
  });

  test("the reporter keeps the order when one event in the middle fails in a retryable way", async () => {
    const { producer, gateway, clock } = fixture();
    let refusals = 0;
    gateway.refuse = (_, data) =>
      (data as { message?: string }).message === "two" && refusals++ < 3
        ? "store_unavailable"
        : undefined;
    const run = producer.start(work, (handle) => {
      for (const message of ["one", "two", "three"]) handle.info(message);
    });
    await clock.advance(3_000);
    await expect(run.delivered).resolves.toBe(true);
    expect(gateway.state(op).log.map(({ message }) => message)).toEqual(["one", "two", "three"]);
    expect(refusals).toBe(4);
  });

  test("the reporter drops only the event that the gateway refuses, and reports the problem", async () => {
    const { producer, gateway, clock, problems } = fixture();
    gateway.refuse = (_, data) =>
      (data as { message?: string }).message === "two" ? "bad_message" : undefined;
    const run = producer.start(work, (handle) => {
      for (const message of ["one", "two", "three"]) handle.info(message);
    });
    await clock.advance(500);
    await expect(run.delivered).resolves.toBe(false);
    expect(gateway.state(op).log.map(({ message }) => message)).toEqual(["one", "three"]);
    expect(problems).toMatchObject([{ code: "bad_message", effect: "dropped", event: "log" }]);
  });

  test("[W10] an operation whose result breaks the contract ends as failed, with the reason", async () => {
    const { producer, gateway, clock, problems } = fixture();
    gateway.refuse = (event) => (event === "done" ? "invalid_data" : undefined);
    const run = producer.start(work, () => "not what the contract says");
    await clock.advance(500);
    await expect(run.delivered).resolves.toBe(false);
    await expect(run.finished).resolves.toMatchObject({ status: "done" });
    expect(gateway.state(op)).toMatchObject({
      status: "failed",
      error: { code: "invalid_data", retryable: false },
    });
    expect(problems).toMatchObject([{ code: "invalid_data", effect: "dropped", event: "done" }]);
  });

  test("when one event makes the gateway refuse whole batches, the reporter finds that event and drops only it", async () => {
    const { producer, gateway, clock, problems } = fixture();
    gateway.refuseReport = ({ events }) =>
      events.some(({ data }) => (data as { message?: string }).message === "41")
        ? new MilepostError("too_large", "the body is too large")
        : undefined;
    const run = producer.start(work, (handle) => {
      for (let i = 0; i < 100; i++) handle.info(String(i));
    });
    await clock.advance(5_000);
    await expect(run.delivered).resolves.toBe(false);
    const messages = gateway.state(op).log.map(({ message }) => message);
    expect(messages).toHaveLength(99);
    expect(messages).not.toContain("41");
    expect(problems).toMatchObject([{ code: "too_large", effect: "dropped" }]);
  });

  test("the reporter backs off during an outage and reports the problem once", async () => {
    const { producer, gateway, clock, problems } = fixture();
    const held = deferred();
    gateway.fault = () => "lost_request";
    const run = producer.start(work, () => held.promise);
    await clock.advance(60_000);
    const tries = gateway.calls.filter(({ name }) => name === "create").length;
    expect(tries).toBeGreaterThan(10);
    expect(tries).toBeLessThan(120);
    expect(problems.filter(({ operationId }) => operationId === op)).toMatchObject([
      { effect: "retrying" },
    ]);
    gateway.fault = () => "none";
    held.resolve();
    await clock.advance(1_000);
    await expect(run.delivered).resolves.toBe(true);
  });

  test("reports that wait through a long outage stay within the bound, and the log states how many are missing", async () => {
    const { producer, gateway, clock } = fixture({ maxBufferBytes: 20_000 });
    gateway.fault = () => "lost_request";
    const held = deferred();
    const run = producer.start(work, async (handle) => {
      for (let i = 0; i < 10_000; i++) handle.info(`line ${i}`);
      handle.warn("important");
      await held.promise;
    });
    await clock.advance(10_000);
    gateway.fault = () => "none";
    await clock.advance(10_000);
    held.resolve();
    await clock.advance(1_000);
    await expect(run.delivered).resolves.toBe(false);
    const lines = gateway.data<{ message: string; data?: { dropped: { lines: number } } }>(
      op,
      "log",
    );
    const dropped = lines.reduce((sum, { data }) => sum + (data?.dropped.lines ?? 0), 0);
    expect(dropped).toBeGreaterThan(9_000);
    const kept = lines.filter(({ message }) => message.startsWith("line ")).length;
    expect(dropped + kept).toBe(10_000);
    expect(lines.at(-1)?.message).toBe("important");
  });

  test("a closed producer leaves no timer behind", async () => {
    const { producer, clock } = fixture();
    await producer.run(work, (handle) => handle.info("x"));
    await clock.advance(100);
    await producer.close();
    await clock.settle();
    expect(clock.pending).toBe(0);
  });
});

describe("the lease of an operation", () => {
  test("the reporter renews the lease with an empty report when it has reported nothing for a third of the lease's duration", async () => {
    const { producer, gateway, clock } = fixture();
    const held = deferred();
    const run = producer.start(work, () => held.promise);
    await clock.advance(31_000);
    const empty = gateway.calls.filter(
      ({ name, events }) => name === "report" && events.length === 0,
    );
    expect(empty).toHaveLength(3);
    held.resolve();
    await clock.advance(60_000);
    await run.delivered;
    expect(
      gateway.calls.filter(({ name, events }) => name === "report" && events.length === 0),
    ).toHaveLength(3);
  });

  test("[P-OP-3] when another producer takes the operation over, the reporter stops and aborts the work with stale_lease", async () => {
    const { producer, gateway, clock, problems } = fixture();
    let reason: unknown;
    const run = producer.start(work, async (handle) => {
      handle.info("mine");
      await new Promise((_, reject) => {
        handle.signal.addEventListener("abort", () => {
          reason = handle.signal.reason;
          reject(reason);
        });
      });
    });
    await clock.advance(100);
    const before = gateway.names(op);
    gateway.stealLease(op);
    await clock.advance(15_000);
    expect(reason).toMatchObject({ code: "stale_lease" });
    await expect(run.finished).resolves.toMatchObject({ error: { code: "stale_lease" } });
    await expect(run.delivered).resolves.toBe(false);
    expect(gateway.names(op)).toEqual(before);
    expect(problems).toMatchObject([{ code: "stale_lease", effect: "stopped" }]);
  });

  test("[P-OP-4] the reporter continues work that the gateway gave up as lost, and reports it as the next attempt", async () => {
    const { producer, gateway, clock } = fixture();
    const held = deferred();
    const run = producer.start(work, async (handle) => {
      await held.promise;
      handle.step("after", { percent: 50 });
    });
    await clock.advance(100);
    gateway.fault = () => "hang";
    await clock.advance(200_000);
    gateway.publish(op, "lost");
    held.resolve();
    gateway.fault = () => "none";
    await clock.advance(20_000);
    expect(gateway.names(op)).toEqual(["created", "started", "lost", "started", "step", "done"]);
    expect(gateway.state(op)).toMatchObject({ status: "done", attempt: 2 });
    await run.finished;
  });

  test("the reporter creates the operation again when the gateway has forgotten it, also when the reply is lost", async () => {
    const { producer, gateway, clock } = fixture();
    const held = deferred();
    const run = producer.start({ ...work, title: "Again" }, async (handle) => {
      await held.promise;
      handle.info("goes on");
    });
    await clock.advance(100);
    gateway.forget();
    let creates = 0;
    gateway.fault = (name) => (name === "create" && creates++ === 0 ? "lost_reply" : "none");
    await clock.advance(30_000);
    held.resolve();
    await clock.advance(1_000);
    await expect(run.delivered).resolves.toBe(true);
    expect(gateway.names(op)).toEqual(["created", "started", "log", "done"]);
    expect(gateway.state(op)).toMatchObject({ title: "Again", status: "done", attempt: 1 });
  });
});

import { MilepostError } from "@milepost/protocol";
import { describe, expect, test } from "vitest";
import type { Operation } from "./operation.ts";
import { deferred, fixture } from "./testing/fixture.ts";

const op = "op";
const work = { kind: "index", operationId: op };

/** Returns an object nested this many levels deep. */
function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let n = 0; n < levels; n++) value = n % 2 === 0 ? { a: value } : [value];
  return value;
}

function circular(): unknown {
  const loop: { self?: unknown } = {};
  loop.self = loop;
  return loop;
}

const throwing = {
  get title(): string {
    throw new Error("no title");
  },
  message: "kept",
};
const hostileProxy = new Proxy(
  {},
  {
    get() {
      throw new Error("no field");
    },
    ownKeys() {
      throw new Error("no fields");
    },
  },
);
const unwritable: Record<string, unknown> = {
  "a BigInt": 10n,
  "a nested BigInt": { list: [1, { n: 10n }] },
  "a circular object": circular(),
  "an object whose toJSON throws": {
    toJSON() {
      throw new Error("no JSON");
    },
  },
  "an invalid date inside a throwing getter": {
    get when() {
      return new Date(Number.NaN).toISOString();
    },
  },
  "a hostile proxy": hostileProxy,
  "a function": () => 1,
  "a symbol": Symbol("s"),
  "62 levels": nested(62),
  "10,000 levels": nested(10_000),
  "a text of 300,000 characters": "x".repeat(300_000),
};

describe("[W8] the end of an operation always arrives", () => {
  for (const [what, result] of Object.entries(unwritable)) {
    // To await a hostile proxy fails, so the work itself fails with it.
    if (result === hostileProxy) continue;
    test(`a result that is ${what} is left out with a complaint, and the operation ends as done`, async () => {
      const { producer, gateway, clock, problems } = fixture();
      const run = producer.start(work, () => result);
      await clock.advance(500);
      await expect(run.finished).resolves.toMatchObject({ status: "done" });
      await expect(run.delivered).resolves.toBe(false);
      expect(gateway.state(op)).toMatchObject({ status: "done" });
      expect(gateway.state(op).result).toBeUndefined();
      expect(problems).toMatchObject([{ effect: "dropped", event: "done" }]);
    });
  }

  const changed: Record<string, readonly [value: unknown, arrives: unknown]> = {
    "is NaN": [Number.NaN, null],
    "is infinite": [Number.POSITIVE_INFINITY, null],
    "has a NaN in it": [
      { rows: 3, mean: [Number.NaN] },
      { rows: 3, mean: [null] },
    ],
    "has an invalid date in it": [{ at: new Date(Number.NaN) }, { at: null }],
    "is a Map": [new Map([["a", 1]]), {}],
    "has a Set in it": [{ seen: new Set([1]) }, { seen: {} }],
    "has undefined in a list": [
      [undefined, 1],
      [null, 1],
    ],
  };
  for (const [what, [value, arrives]] of Object.entries(changed)) {
    test(`a result, an input and data of a log line that each ${what} arrive as far as JSON carries them, with a complaint`, async () => {
      const { producer, gateway, clock, problems } = fixture();
      const run = producer.start({ ...work, input: value }, (handle) => {
        handle.info("line", value);
        return value;
      });
      await clock.advance(500);
      await expect(run.delivered).resolves.toBe(false);
      const { result, input, log } = gateway.state(op);
      expect([result, input, log[0]?.data]).toEqual([arrives, arrives, arrives]);
      expect(problems.map(({ event, effect }) => [event, effect])).toEqual([
        ["created", "dropped"],
        ["log", "dropped"],
        ["done", "dropped"],
      ]);
      for (const { message } of problems) expect(message).toMatch(/^(input|data|result) .+JSON/);
    });
  }

  test("null, empty objects and fields that are undefined are no loss", async () => {
    const { producer, gateway, clock, problems } = fixture();
    const run = producer.start(work, () => ({ a: null, b: {}, c: undefined, d: "null" }));
    await clock.advance(500);
    await expect(run.delivered).resolves.toBe(true);
    expect(gateway.state(op).result).toEqual({ a: null, b: {}, d: "null" });
    expect(problems).toEqual([]);
  });

  for (const levels of [1, 40, 60]) {
    test(`a result of ${levels} levels arrives`, async () => {
      const { producer, gateway, clock, problems } = fixture();
      const run = producer.start({ ...work, input: nested(levels) }, () => nested(levels));
      await clock.advance(500);
      await expect(run.delivered).resolves.toBe(true);
      expect(gateway.state(op)).toMatchObject({ result: nested(levels), input: nested(levels) });
      expect(problems).toEqual([]);
    });
  }

  test("a result that is larger than this gateway takes is left out, and what was reported with it arrives", async () => {
    const { producer, gateway, clock, problems } = fixture();
    gateway.maxBodyLength = 20_000;
    const run = producer.start(work, (handle) => {
      handle.step("scan", { status: "done" });
      for (let n = 0; n < 20; n++) handle.info(`line ${n}`);
      return "x".repeat(100_000);
    });
    await clock.advance(2_000);
    await expect(run.delivered).resolves.toBe(false);
    expect(gateway.state(op)).toMatchObject({ status: "done", steps: [{ status: "done" }] });
    expect(gateway.state(op).log).toHaveLength(20);
    expect(problems).toMatchObject([{ code: "too_large", effect: "dropped", event: "done" }]);
  });

  const endings: Record<string, (handle: Operation) => unknown> = {
    done: () => "x".repeat(3_000),
    failed: () => {
      throw Object.assign(new Error("x".repeat(3_000)), { code: "too_bad" });
    },
    cancelled: (handle) => handle.signal.throwIfAborted(),
  };
  for (const [status, end] of Object.entries(endings)) {
    for (const maxBodyLength of [250, 600]) {
      test(`an end as ${status} that the gateway finds too large is sent again with less (${maxBodyLength})`, async () => {
        const { producer, gateway, clock, problems } = fixture();
        const stop = new AbortController();
        const held = deferred();
        const run = producer.start({ ...work, signal: stop.signal }, async (handle) => {
          await held.promise;
          return end(handle);
        });
        await clock.advance(200);
        gateway.maxBodyLength = maxBodyLength;
        if (status === "cancelled") {
          stop.abort(new MilepostError("cancelled", "y".repeat(3_000)));
        }
        held.resolve();
        await clock.advance(2_000);
        await expect(run.delivered).resolves.toBe(false);
        expect(gateway.state(op).status).toBe(status);
        expect(problems.at(-1)).toMatchObject({ effect: "dropped", event: status });
      });
    }
  }

  for (const code of ["bad_message", "invalid_data"] as const) {
    test(`lifecycle reports that the gateway refuses with ${code} for one of their fields are sent again without it`, async () => {
      const { producer, gateway, clock, problems } = fixture();
      gateway.refuse = (_, data) => (/unwanted/.test(JSON.stringify(data)) ? code : undefined);
      const run = producer.start(work, async (handle) => {
        handle.step("scan", { message: "unwanted", done: 1, total: 2 });
        handle.info("line", { unwanted: true });
        handle.agent("a", { tasks: ["unwanted"], progress: 50 });
        await handle.step("read", () => {});
        throw new Error("unwanted");
      });
      await clock.advance(2_000);
      await expect(run.delivered).resolves.toBe(false);
      const { status, steps, log, error } = gateway.state(op);
      expect(status).toBe("failed");
      expect(error).toMatchObject({ code: "job_failed", message: "the work failed" });
      const percents = Object.fromEntries(steps.map(({ id, percent }) => [id, percent]));
      expect(percents).toEqual({ scan: 50, read: 100 });
      expect(log.map(({ message, data }) => [message, data])).toEqual([["line", undefined]]);
      expect(problems.map(({ event }) => event)).toEqual(["step", "log", "agent", "failed"]);
    });
  }

  test("a result that breaks the contract ends the operation as failed, also when more was reported in the same batch", async () => {
    const { producer, gateway, clock } = fixture();
    gateway.refuse = (event) => (event === "done" ? "invalid_data" : undefined);
    const held = deferred();
    const run = producer.start(work, () => held.promise);
    await clock.advance(200);
    gateway.command(op, "cancel");
    await clock.advance(500);
    // The work ends in spite of the command, so the answer to the command follows its end.
    held.resolve();
    await clock.advance(2_000);
    await expect(run.delivered).resolves.toBe(false);
    expect(gateway.state(op)).toMatchObject({ status: "failed", error: { code: "invalid_data" } });
  });

  test("a step that ended is not begun again by a report of it that was refused before", async () => {
    const { producer, gateway, clock } = fixture();
    gateway.refuse = (_, data) =>
      /unwanted/.test(JSON.stringify(data)) ? "bad_message" : undefined;
    const held = deferred();
    producer.start(work, async (handle) => {
      handle.step("scan", { status: "running", message: "unwanted" });
      handle.step("scan", { status: "done" });
      await held.promise;
    });
    await clock.advance(2_000);
    expect(gateway.state(op).steps).toMatchObject([{ id: "scan", status: "done" }]);
    held.resolve();
  });

  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const hostileProto = new Proxy(
    {},
    {
      getPrototypeOf() {
        throw new Error("no prototype");
      },
    },
  );
  for (const [what, reason] of [
    ["a revoked proxy", revoked.proxy],
    ["a proxy whose prototype cannot be read", hostileProto],
    ["an object without a prototype", Object.create(null)],
    ["a symbol", Symbol("s")],
  ] as const) {
    for (const when of ["before the work begins", "while the work runs"]) {
      test(`work whose signal aborts ${when}, with a reason that is ${what}, ends as cancelled`, async () => {
        const { producer, gateway, clock } = fixture();
        const stop = new AbortController();
        if (when === "before the work begins") stop.abort(reason);
        const run = producer.start({ ...work, signal: stop.signal }, async (handle) => {
          const aborted = deferred();
          handle.signal.addEventListener("abort", () => aborted.resolve());
          stop.abort(reason);
          await aborted.promise;
          handle.signal.throwIfAborted();
        });
        await clock.advance(500);
        await expect(run.delivered).resolves.toBe(true);
        expect(gateway.state(op).status).toBe("cancelled");
      });
    }
  }

  test("an error that cannot be read still ends the operation as failed", async () => {
    for (const thrown of [hostileProxy, Object.create(null), Symbol("s"), null, circular()]) {
      const { producer, gateway, clock } = fixture();
      const run = producer.start(work, () => {
        throw thrown;
      });
      await clock.advance(500);
      const outcome = await run.finished;
      expect(outcome.status === "failed" && outcome.error === thrown).toBe(true);
      expect(gateway.state(op).status).toBe("failed");
    }
  });

  test("delivered is false when the outbox had to drop something, and true for the next attempt that loses nothing", async () => {
    const { producer, gateway, clock } = fixture({ maxBufferReports: 20 });
    gateway.fault = () => "lost_request";
    const run = producer.start(work, (handle) => {
      for (let n = 0; n < 100; n++) handle.info(`line ${n}`);
    });
    await clock.advance(100);
    gateway.fault = () => "none";
    await clock.advance(2_000);
    await expect(run.delivered).resolves.toBe(false);
    expect(gateway.state(op).status).toBe("done");
  });
});

describe("[W8] no part of its description hides an operation", () => {
  const bad: Record<string, Record<string, unknown>> = {
    ...Object.fromEntries(
      Object.entries(unwritable).map(([what, input]) => [`an input that is ${what}`, { input }]),
    ),
    "a title that is too long": { title: "t".repeat(5_000) },
    "a title that is an object": { title: Object.create(null) },
    "a NaN weight": { steps: [{ id: "a", weight: Number.NaN }] },
    "a negative weight": { steps: [{ id: "a", weight: -1 }] },
    "an infinite weight": { steps: [{ id: "a", weight: Number.POSITIVE_INFINITY }] },
    "a step without an id": { steps: [{ id: "a" }, { title: "b" }] },
    "two steps with one id": { steps: [{ id: "a" }, { id: "a" }] },
    "a step with a long id": { steps: [{ id: "a".repeat(500) }] },
    "a step that is null": { steps: [null, { id: "a" }] },
    "300 steps": { steps: Array.from({ length: 300 }, (_, n) => ({ id: `s${n}` })) },
    "steps that are no list": { steps: "abc" },
    "steps that cannot be read": { steps: hostileProxy },
    "a null session": { session: null },
    "a session with half of an emoji": { session: "a\ud83d" },
    "an empty user": { user: "" },
    "a user that is a number": { user: 7 },
    "a user that is too long": { user: "u".repeat(2_000) },
    "a size that is NaN": { size: Number.NaN },
    "a lease that is NaN": { leaseMs: Number.NaN },
    "a lease that is too long": { leaseMs: 1e12 },
    "a lease that is not whole": { leaseMs: 0.5 },
    "a lease that is a text": { leaseMs: "30s" },
    "a kind that is too long": { kind: "k".repeat(300) },
    "no kind": { kind: undefined },
    "an empty kind": { kind: "" },
    "an id that names no channel": { operationId: "a/b" },
    "an id that is too long": { operationId: "i".repeat(100) },
    "an empty id": { operationId: "" },
    "a signal that is none": { signal: {} },
  };
  for (const [what, field] of Object.entries(bad)) {
    test(`work with ${what} is reported, with a complaint, and runs`, async () => {
      const { producer, gateway, clock, problems } = fixture();
      const run = producer.start({ ...work, ...field } as never, (handle) => {
        handle.info("here");
        return 7;
      });
      await clock.advance(500);
      await expect(run.finished).resolves.toEqual({ status: "done", result: 7 });
      await expect(run.delivered).resolves.toBe(false);
      expect(gateway.state(run.operationId)).toMatchObject({ status: "done", result: 7 });
      expect(problems.length).toBeGreaterThan(0);
      expect(problems.every(({ effect }) => effect === "dropped")).toBe(true);
      expect(problems.every(({ event }) => event === "created")).toBe(true);
    });
  }

  test("work whose description throws wherever it is read is reported, and runs", async () => {
    const throwingKind = {
      ...work,
      get input(): unknown {
        throw new Error("no input");
      },
    };
    for (const options of [hostileProxy, undefined, null, 7, throwingKind]) {
      const { producer, gateway, clock, problems } = fixture();
      const run = producer.start(options as never, () => 7);
      await clock.advance(500);
      await expect(run.finished).resolves.toEqual({ status: "done", result: 7 });
      expect(gateway.state(run.operationId).status).toBe("done");
      expect(problems.length).toBeGreaterThan(0);
    }
  });

  test("what is left out leaves the rest of the description as it is", async () => {
    const { producer, gateway, clock } = fixture();
    const steps = [{ id: "a", weight: Number.NaN, title: "A" }, { id: "b", weight: 0 }, { x: 1 }];
    const options = { ...work, title: "T", session: "s1", user: null, steps, input: 10n };
    producer.start(options as never, () => 1);
    await clock.advance(500);
    const state = gateway.state(op);
    expect(state).toMatchObject({ title: "T", session_id: "s1" });
    expect(state.steps.map(({ id, title, weight }) => [id, title, weight])).toEqual([
      ["a", "A", 1],
      ["b", "b", 0],
    ]);
    expect(state).not.toHaveProperty("user_id");
    expect(state).not.toHaveProperty("input");
  });

  for (const code of ["bad_message", "invalid_data", "too_large"] as const) {
    test(`an operation that the gateway refuses with ${code} is created with less`, async () => {
      const { producer, gateway, clock, problems } = fixture();
      gateway.refuseCreate = ({ input }) =>
        input === undefined ? undefined : new MilepostError(code, "not this input");
      const run = producer.start({ ...work, title: "T", input: { n: 1 }, size: 3 }, () => 7);
      await clock.advance(500);
      await expect(run.delivered).resolves.toBe(false);
      expect(gateway.state(op)).toMatchObject({ status: "done", title: "T", size: 3, result: 7 });
      expect(problems).toMatchObject([{ code, effect: "dropped", event: "created" }]);
    });
  }

  test("work of a worker whose title, input or identity throws is reported, and runs", async () => {
    const { producer, gateway, clock, problems } = fixture();
    const fail = () => {
      throw new Error("not to be had");
    };
    const worker = producer.worker({
      kind: "render",
      title: fail,
      shownInput: fail,
      run: async (_, input: number) => input,
    });
    const submitted = worker.submit({
      input: 7,
      get session(): string {
        return fail();
      },
    });
    await clock.advance(500);
    await expect(submitted.finished).resolves.toEqual({ status: "done", result: 7 });
    expect(gateway.state(submitted.operationId).status).toBe("done");
    expect(problems.map(({ event }) => event)).toEqual(["created", "created", "created"]);
  });

  test("a producer id that the gateway would refuse is replaced", async () => {
    for (const producerId of ["", "p".repeat(300), 7, null, "p\ud800"]) {
      const { producer, gateway, clock, problems } = fixture({ producerId: producerId as string });
      producer.start(work, () => 1);
      await clock.advance(500);
      expect(gateway.state(op).status).toBe("done");
      expect(problems).toHaveLength(1);
    }
  });
});

describe("[W8] no part of a report hides the rest of it", () => {
  const reports: Record<string, (handle: Operation) => void> = {
    "a step with a long title": (handle) =>
      handle.step("a", { title: "t".repeat(5_000), message: "kept" }),
    "a step with a title that throws": (handle) => handle.step("a", throwing),
    "a step with a BigInt": (handle) =>
      handle.step("a", { done: 10n as unknown as number, message: "kept" }),
    "a step with an unknown status": (handle) =>
      handle.step("a", { status: "odd" as "done", message: "kept" }),
    "a step with a NaN": (handle) => handle.step("a", { total: Number.NaN, message: "kept" }),
    "a step with a long unit": (handle) =>
      handle.step("a", { unit: "u".repeat(100), message: "kept" }),
    "a step with a negative count": (handle) => handle.step("a", { done: -1, message: "kept" }),
    "a step with a long id": (handle) => handle.step("a".repeat(100), { message: "kept" }),
  };
  for (const [what, report] of Object.entries(reports)) {
    test(`${what} is reported without it, with a complaint`, async () => {
      const { producer, gateway, clock, problems } = fixture();
      const run = producer.start(work, (handle) => report(handle));
      await clock.advance(500);
      await expect(run.delivered).resolves.toBe(false);
      expect(gateway.state(op).steps).toMatchObject([{ message: "kept" }]);
      expect(problems).toMatchObject([{ effect: "dropped", event: "step" }]);
    });
  }

  test("log lines, texts, agents, progress and plans arrive without what cannot be sent", async () => {
    const { producer, gateway, clock, problems } = fixture();
    const run = producer.start(work, (handle) => {
      for (const value of Object.values(unwritable)) handle.info("line", value);
      handle.info(Object.create(null), { n: 1 });
      handle.log({ message: "odd", level: "loud" as "info", step: "s".repeat(100) });
      handle.log(hostileProxy as { message: string });
      handle.agent("a", { name: "n".repeat(500), tasks: ["one", 2 as never, "t".repeat(900)] });
      handle.agent("b", hostileProxy);
      handle.progress({ message: "going", percent: Number.POSITIVE_INFINITY });
      handle.progress(hostileProxy);
      handle.steps([{ id: "x", weight: Number.NaN }, null as never, { id: "y" }]);
      for (const text of ["a", null, undefined, 7, Object.create(null), "😀"]) {
        handle.text("out").append(text as string);
      }
      handle
        .text("out")
        .append(`b${"😀".repeat(40_000)}`)
        .done();
    });
    await clock.advance(2_000);
    await expect(run.finished).resolves.toMatchObject({ status: "done" });
    const state = gateway.state(op);
    expect(state.status).toBe("done");
    const lines = state.log.filter(({ message }) => message === "line");
    expect(lines).toHaveLength(Object.keys(unwritable).length);
    expect(lines.every(({ data }) => data === undefined)).toBe(true);
    expect(state.log.map(({ data }) => data)).toContainEqual({ n: 1 });
    expect(state.log.map(({ message }) => message)).toContain("odd");
    expect(state.agents.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(state.message).toBe("going");
    expect(state.steps.map(({ id }) => id)).toEqual(["x", "y"]);
    expect(state.texts.out?.text === `a7😀b${"😀".repeat(40_000)}`).toBe(true);
    expect(state.texts.out?.done).toBe(true);
    const pieces = gateway.data<{ append?: string }>(op, "text");
    expect(pieces.every(({ append }) => isWhole(append))).toBe(true);
    expect(problems.every(({ effect }) => effect === "dropped")).toBe(true);
  });

  test("a job that reports the same bad field a thousand times causes one complaint", async () => {
    const { producer, clock, problems } = fixture();
    producer.start(work, (handle) => {
      for (let n = 0; n < 1_000; n++) handle.progress({ percent: Number.NaN, message: `${n}` });
    });
    await clock.advance(2_000);
    expect(problems).toHaveLength(1);
  });
});

function isWhole(text = ""): boolean {
  return text === Buffer.from(text).toString();
}

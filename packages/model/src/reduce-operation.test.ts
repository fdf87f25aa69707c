import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type OperationState, operationBounds } from "./operation-state.ts";
import { eventBounds } from "./parse-operation-event.ts";
import { reduceOperation } from "./reduce-operation.ts";
import {
  type AnyEvent,
  anyEvent,
  anyGarbage,
  happened,
  logOf,
} from "./testing/any-operation-entry.ts";
import { fold, foldOn } from "./testing/fold.ts";

const created = happened("created", {
  operation_id: "9",
  kind: "index",
  steps: [{ id: "a" }, { id: "b", weight: 3 }],
});
const anyLog = fc
  .array(fc.oneof({ weight: 9, arbitrary: anyEvent }, { weight: 1, arbitrary: anyGarbage }), {
    maxLength: 40,
  })
  .map((events) => logOf([created, ...events]));

function states(log: ReturnType<typeof logOf>): OperationState[] {
  let state: OperationState | undefined;
  return log.map((entry) => {
    state = reduceOperation(state, entry);
    if (state === undefined) throw new Error("the log does not begin with created");
    return state;
  });
}

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe("reduceOperation", () => {
  it("the state of an operation begins with created and with no other event", () => {
    for (const event of [happened("started", {}), happened("log", { message: "hi" })]) {
      expect(reduceOperation(undefined, { ...event, ts: 1, offset: 1 })).toBeUndefined();
    }
    expect(fold(happened("created", { operation_id: "9", kind: "index", user_id: "u" }))).toEqual({
      id: "9",
      kind: "index",
      title: "index",
      user_id: "u",
      status: "waiting",
      attempt: 1,
      percent: 0,
      steps: [],
      agents: [],
      execution_order: [],
      timeline: [],
      log: [],
      log_total: 0,
      log_counts: { info: 0, success: 0, warning: 0, error: 0 },
      texts: {},
      commands: [],
      created_at: 1_010,
      updated_at: 1_010,
      offset: 1,
    });
  });

  it("the state of an operation is the same when folded from the start and when folded from a JSON snapshot", () => {
    fc.assert(
      fc.property(anyLog, fc.nat(40), (log, at) => {
        const whole = states(log);
        const k = Math.min(at, log.length - 1);
        let state: OperationState = throughJson(whole[k] as OperationState);
        for (const entry of log.slice(k + 1)) state = reduceOperation(state, entry);
        expect(throughJson(state)).toEqual(throughJson(whole.at(-1)));
        // The order of keys must match too, so that snapshots of different nodes are the same text.
        expect(JSON.stringify(state)).toBe(JSON.stringify(whole.at(-1)));
      }),
      { numRuns: 300 },
    );
  });

  it("[P-OP-16] an operation has the same state when its log is folded whole, and in pages with a JSON snapshot between them", () => {
    const pages = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(anyLog, pages, (log, sizes) => {
        let state: OperationState | undefined;
        for (let from = 0, page = 0; from < log.length; page++) {
          const size = sizes[page % sizes.length] ?? 1;
          for (const entry of log.slice(from, from + size)) state = reduceOperation(state, entry);
          state = state === undefined ? undefined : throughJson(state);
          from += size;
        }
        expect(state).toEqual(throughJson(states(log).at(-1)));
      }),
      { numRuns: 200 },
    );
  });

  it("[P-OP-2] the percent of an operation is from 0 to 100 and falls only by a reset, a higher attempt or its children", () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        const whole = states(log);
        for (const [i, after] of whole.entries()) {
          expect(after.percent).toBeGreaterThanOrEqual(0);
          expect(after.percent).toBeLessThanOrEqual(100);
          const before = whole[i - 1];
          const data = log[i]?.data as { reset?: unknown } | null | undefined;
          const isReset = log[i]?.event === "progress" && data?.reset === true;
          if (before === undefined || isReset || after.attempt > before.attempt) continue;
          // Children determine the percent of their parent, which falls with them.
          if (before.children?.percent !== undefined || log[i]?.event === "children") continue;
          expect(after.percent).toBeGreaterThanOrEqual(before.percent);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("the fields of an operation's state are consistent with each other after every event", () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        for (const state of states(log)) expectConsistent(state);
      }),
      { numRuns: 200 },
    );
  });

  it("the state of an operation keeps its bounds when every list overflows", () => {
    const flood: AnyEvent[] = [];
    for (let i = 0; i < 700; i++) {
      flood.push(
        happened("step", { id: `s${i}` }),
        happened("agent", { id: `a${i}`, tasks: Array.from({ length: 30 }, (_, t) => `t${t}`) }),
        happened("log", { message: `m${i}`, level: "warning" }),
        happened("text", { stream: `x${i}`, append: "hi" }),
        happened("command", { command_id: `c${i}`, command: "tune", phase: "requested" }),
      );
    }
    const state = fold(...flood);
    expectConsistent(state);
    expect(state.steps).toHaveLength(operationBounds.steps);
    expect(state.agents).toHaveLength(operationBounds.agents);
    expect(state.agents.at(-1)?.tasks).toHaveLength(operationBounds.tasksPerAgent);
    expect(state.log).toHaveLength(operationBounds.log);
    expect(state.log.at(-1)).toMatchObject({ message: "m699", level: "warning" });
    expect(state.log_total).toBe(700);
    expect(state.log_counts).toEqual({ info: 0, success: 0, warning: 700, error: 0 });
    expect(Object.keys(state.texts)).toHaveLength(operationBounds.texts);
    expect(state.texts.x699?.text).toBe("hi");
    expect(state.commands).toHaveLength(operationBounds.commands);
    expect(state.commands.at(-1)?.id).toBe("c699");
    expect(state.timeline).toHaveLength(operationBounds.timeline);
    expect(state.execution_order).toHaveLength(operationBounds.executionOrder);
  });

  it("reduceOperation returns the same object for an entry that the state already includes", () => {
    const state = fold(happened("started", {}), happened("log", { message: "one" }));
    for (let offset = 0; offset <= state.offset; offset++) {
      const again = { event: "log", data: { message: "again" }, ts: 9_999, offset };
      expect(reduceOperation(state, again)).toBe(state);
    }
  });

  it("the state of an operation is the same when entries are repeated or arrive again late", () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        const once = states(log).at(-1);
        const twice = states(log.flatMap((entry, i) => [entry, entry, log[i >> 1] ?? entry])).at(
          -1,
        );
        expect(JSON.stringify(twice)).toBe(JSON.stringify(once));
      }),
    );
  });

  it("an entry that is not a valid operation event only advances the offset of the state", () => {
    const state = fold(happened("started", {}), happened("step", { id: "a", percent: 40 }));
    fc.assert(
      fc.property(anyGarbage, ({ event, data }) => {
        const before = JSON.stringify(state);
        const after = reduceOperation(state, { event, data, ts: 2_000, offset: state.offset + 1 });
        expect(after.offset).toBe(state.offset + 1);
        expectConsistent(after);
        expect(JSON.stringify(state)).toBe(before);
      }),
      { numRuns: 500 },
    );
    const unknown = { event: "of_a_newer_producer", data: { id: "a" }, ts: 2_000, offset: 99 };
    expect(reduceOperation(state, unknown)).toEqual({ ...state, offset: 99 });
  });

  it("an entry without a valid offset or time does not change the state of an operation", () => {
    const state = fold();
    for (const place of [
      { offset: Number.NaN, ts: 1 },
      { offset: 1.5, ts: 1 },
      { offset: Number.POSITIVE_INFINITY, ts: 1 },
      { offset: 9, ts: Number.NaN },
    ]) {
      expect(reduceOperation(state, { event: "log", data: { message: "x" }, ...place })).toBe(
        state,
      );
    }
  });

  it("reduceOperation keeps every part of the state that the event does not change as the same object", () => {
    const before = fold(
      created,
      happened("started", {}),
      happened("step", { id: "a", percent: 10 }),
      happened("agent", { id: "x", tasks: ["t"] }),
      happened("text", { stream: "out", append: "hello" }),
      happened("log", { message: "one" }),
      happened("command", { command_id: "c", command: "pause", phase: "requested" }),
    );
    const logged = foldOn(before, [happened("log", { message: "two" })]);
    for (const part of [
      "steps",
      "agents",
      "timeline",
      "texts",
      "commands",
      "execution_order",
    ] as const) {
      expect(logged[part]).toBe(before[part]);
    }
    expect(logged.log[0]).toBe(before.log[0]);

    const stepped = foldOn(before, [happened("step", { id: "a", percent: 20 })]);
    for (const part of [
      "agents",
      "timeline",
      "texts",
      "commands",
      "execution_order",
      "log",
    ] as const) {
      expect(stepped[part]).toBe(before[part]);
    }
    expect(stepped.steps[1]).toBe(before.steps[1]);

    const written = foldOn(before, [happened("text", { stream: "other", append: "x" })]);
    expect(written.texts.out).toBe(before.texts.out);
    expect(written.steps).toBe(before.steps);

    const answered = foldOn(before, [
      happened("command", { command_id: "c", command: "pause", phase: "requested" }),
    ]);
    expect(answered.commands).toBe(before.commands);
  });

  it("reduceOperation changes no prototype, whatever names the entries contain", () => {
    const names = ["__proto__", "constructor", "toString"];
    const state = fold(
      ...names.flatMap((name) => [
        happened("step", { id: name }),
        happened("agent", { id: name, tasks: ["t"] }),
        happened("text", { stream: name, append: "x" }),
        happened("text", { stream: name, append: "y" }),
        happened("command", { command_id: name, command: "pause", phase: "requested" }),
      ]),
    );
    expect(Object.keys(state.texts)).toEqual(names);
    expect(Object.values(throughJson(state.texts)).map(({ text }) => text)).toEqual([
      "xy",
      "xy",
      "xy",
    ]);
    expect(Object.getPrototypeOf(state.texts)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).text).toBeUndefined();
  });
});

function expectConsistent(state: OperationState): void {
  const { steps, agents, current_step, current_agent, status, timeline } = state;
  const isOver = ["done", "failed", "cancelled", "lost"].includes(status);
  expect(new Set(steps.map(({ id }) => id)).size).toBe(steps.length);
  expect(new Set(agents.map(({ id }) => id)).size).toBe(agents.length);
  expect(new Set(state.execution_order).size).toBe(state.execution_order.length);
  for (const { percent, status: its } of steps) {
    expect(percent).toBeGreaterThanOrEqual(0);
    expect(percent).toBeLessThanOrEqual(100);
    if (its === "done") expect(percent).toBe(100);
    if (isOver) expect(its).not.toBe("running");
  }
  const running = steps.filter((step) => step.status === "running").map(({ id }) => id);
  if (running.length === 0) expect(current_step).toBeUndefined();
  else expect(running).toContain(current_step);
  const active = agents.filter((agent) => agent.active).map(({ id }) => id);
  if (active.length === 0) expect(current_agent).toBeUndefined();
  else expect(active).toContain(current_agent);
  expect(state.ended_at !== undefined).toBe(isOver);
  expect(state.before_stall !== undefined).toBe(status === "stalled");
  expect(state.silent_since !== undefined).toBe(status === "stalled");
  if (isOver) expect(timeline.every(({ to }) => to !== undefined)).toBe(true);
  if (status === "done") expect(state.percent).toBe(100);
  expect(steps.length).toBeLessThanOrEqual(operationBounds.steps);
  expect(agents.length).toBeLessThanOrEqual(operationBounds.agents);
  expect(timeline.length).toBeLessThanOrEqual(operationBounds.timeline);
  expect(state.log.length).toBeLessThanOrEqual(operationBounds.log);
  expect(state.commands.length).toBeLessThanOrEqual(operationBounds.commands);
  expect(Object.keys(state.texts).length).toBeLessThanOrEqual(operationBounds.texts);
  const isLive = !isOver;
  const of = state.children?.percent;
  if (isLive && of !== undefined) expect(state.percent).toBe(of);
  expect(state.links?.length ?? 0).toBeLessThanOrEqual(eventBounds.tree.links);
  expect(state.artefacts?.length ?? 0).toBeLessThanOrEqual(eventBounds.tree.artefacts);
}

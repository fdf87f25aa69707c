import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isGatewayEvent, type OperationEventName } from "./operation-event.ts";
import { operationBounds } from "./operation-state.ts";
import { eventBounds, parseOperationEvent } from "./parse-operation-event.ts";
import { anyEvent, anyGarbage, eventNames } from "./testing/any-operation-entry.ts";

/** Data of every event, with every field. */
const complete: Record<OperationEventName, Record<string, unknown>> = {
  created: {
    operation_id: "9",
    kind: "index",
    title: "Index",
    session_id: "s",
    user_id: "u",
    producer_id: "p",
    steps: [{ id: "a", title: "A", weight: 2 }],
    parent: "8",
    weight: 0.5,
    tags: ["nightly"],
    budget: { counter: "cost", limit: "1.5" },
    accepts: { commands: [{ name: "skip" }] },
    input: { any: [1] },
    size: 3,
  },
  waiting: { position: 1, total: 2, estimated_wait_ms: 3 },
  started: { attempt: 2 },
  steps: { steps: [{ id: "a" }] },
  step: {
    id: "a",
    status: "done",
    title: "A",
    message: "m",
    percent: 1,
    done: 1,
    total: 2,
    unit: "u",
  },
  progress: { percent: 1.5, done: 1, total: 2, unit: "files", message: "m", reset: true },
  agent: { id: "x", name: "X", active: true, progress: 3, tasks: ["t"] },
  log: { level: "warning", message: "m", agent: "x", step: "a", data: [null] },
  text: { stream: "out", append: "a", done: true, reset: false },
  count: { name: "tokens", add: "12.5" },
  link: { id: "page", title: "Page", url: "https://example.com/a?b#c" },
  artefact: { name: "a.csv", type: "text/csv", size: 3, url: "https://example.com/a.csv" },
  beat: { reason: "waiting for the model", until: 9 },
  children: {
    total: 2,
    percent: 50,
    statuses: { done: 1, running: 1 },
    counters: { tokens: "3" },
    revision: 4,
  },
  budget: { phase: "passed", limit: "10", spent: "11", question_id: "q" },
  paused: { reason: "r" },
  resumed: {},
  command: {
    command_id: "c",
    command: "cancel",
    phase: "refused",
    by: "user:7",
    reason: "r",
    args: null,
  },
  accepts: {
    commands: [{ name: "skip", title: "Skip", schema: { type: "object" }, while: ["running"] }],
    inputs: "interrupt",
    busy: true,
  },
  input: { input_id: "i", phase: "queued", data: { text: "go" }, by: "7" },
  question: {
    question_id: "q",
    phase: "answered",
    kind: "choose",
    prompt: "Which?",
    options: [{ id: "a", title: "A", description: "the first" }],
    schema: { type: "string" },
    for: { users: ["7"], roles: ["boss"] },
    default: "a",
    deadline_at: 1,
    level: 1,
    answer: "a",
    comment: "c",
    by: "7",
    by_default: true,
    reason: "r",
  },
  done: { result: { any: 1 } },
  failed: { error: { code: "c", message: "m", retryable: false } },
  cancelled: { reason: "r" },
  stalled: { silent_ms: 1 },
  revived: {},
  lost: { silent_ms: 1 },
  estimate: {
    at: 1,
    remaining: { p50_ms: 1, p90_ms: 2 },
    basis: 3,
    none: "new_kind",
    slower_than_usual: true,
    usual_steps: [{ id: "scan", p90_ms: 5 }],
    marks: [
      [1, 0],
      [2, 10, 20, 30],
    ],
  },
};

const required: Partial<Record<OperationEventName, readonly string[]>> = {
  created: ["operation_id", "kind"],
  waiting: ["position", "total"],
  steps: ["steps"],
  input: ["input_id", "phase"],
  question: ["question_id", "phase"],
  step: ["id"],
  agent: ["id"],
  log: ["message"],
  text: ["stream"],
  count: ["name", "add"],
  link: ["id", "url"],
  artefact: ["name", "url"],
  children: ["total", "statuses", "revision"],
  budget: ["phase", "limit"],
  command: ["command_id", "command", "phase"],
  failed: ["error"],
  stalled: ["silent_ms"],
  lost: ["silent_ms"],
  estimate: ["at", "basis"],
};

/** Fields with an object whose own fields may have any name. */
const anyNames = new Set(["statuses", "counters"]);
const anyValue = new Set(["input", "data", "result", "args", "schema", "default", "answer"]);
const fields = eventNames.flatMap((event) =>
  Object.keys(complete[event]).map((field) => [event, field] as const),
);

/** Values that every field refuses, except a field that accepts any JSON. */
const neverRight: readonly unknown[] = [
  null,
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  [[]],
  [7],
  { length: 1 },
  () => "a",
  "x".repeat(300_000),
];

describe("parseOperationEvent", () => {
  it.each(eventNames)("parseOperationEvent reads %s with every field", (event) => {
    expect(parseOperationEvent(event, complete[event])).toEqual({
      ok: true,
      value: { event, data: complete[event] },
    });
  });

  it.each(eventNames)(
    "parseOperationEvent refuses %s without a required field as bad_message and names the field",
    (event) => {
      for (const field of required[event] ?? []) {
        const { [field]: _, ...data } = complete[event];
        expect(parseOperationEvent(event, data)).toMatchObject({
          ok: false,
          failure: { code: "bad_message", message: `data.${field} is missing` },
        });
      }
      const minimal = Object.fromEntries(
        Object.entries(complete[event]).filter(([field]) => required[event]?.includes(field)),
      );
      expect(parseOperationEvent(event, minimal).ok).toBe(true);
    },
  );

  it.each(fields.filter(([, field]) => !anyValue.has(field)))(
    "parseOperationEvent refuses %s whose %s is wrong as bad_message and names the field",
    (event, field) => {
      for (const value of neverRight) {
        if (anyNames.has(field) && !Array.isArray(value) && typeof value === "object" && value)
          continue;
        const outcome = parseOperationEvent(event, { ...complete[event], [field]: value });
        expect(outcome).toMatchObject({ ok: false, failure: { code: "bad_message" } });
        expect(!outcome.ok && outcome.failure.message).toMatch(new RegExp(`^data\\.${field}\\b`));
        expect(!outcome.ok && outcome.failure.message.length).toBeLessThan(200);
      }
    },
  );

  it.each(fields.filter(([, field]) => anyValue.has(field)))(
    "parseOperationEvent refuses %s whose %s is too large or too deep as bad_message and names the field",
    (event, field) => {
      const circular: unknown[] = [];
      circular.push(circular);
      let deep: unknown = 0;
      for (let i = 0; i < 100_000; i++) deep = [deep];
      for (const value of [
        "x".repeat(300_000),
        { ["k".repeat(300_000)]: 1 },
        Array.from({ length: 100_000 }, () => 0),
        circular,
        deep,
      ]) {
        expect(parseOperationEvent(event, { ...complete[event], [field]: value })).toMatchObject({
          failure: {
            code: "bad_message",
            message: expect.stringContaining(`data.${field} must be`),
          },
        });
      }
    },
  );

  it.each([
    ["step", { id: "a", percent: 100.1 }, "data.percent must be a number from 0 to 100"],
    ["step", { id: "a", status: "pending" }, 'data.status must be one of "running", "done"'],
    ["step", { id: "" }, "data.id must be a string of 1 to 64"],
    ["step", { id: "a".repeat(65) }, "data.id must be a string of 1 to 64"],
    [
      "log",
      { message: "m".repeat(eventBounds.message + 1) },
      "data.message must be a string of 0 to 4000",
    ],
    ["steps", { steps: [{ id: "a" }, { id: "b", weight: -1 }] }, "data.steps[1].weight must be"],
    [
      "steps",
      { steps: [{ id: "a" }, { id: "a" }] },
      "data.steps[1].id is used twice; give every step an id of its own",
    ],
    ["steps", { steps: [{ id: "a" }, {}] }, "data.steps[1].id is missing"],
    ["steps", { steps: [7] }, "data.steps[0] must be an object"],
    ["agent", { id: "x", tasks: ["ok", 7] }, "data.tasks[1] must be a string"],
    ["failed", { error: { code: "c", message: "m" } }, "data.error.retryable is missing"],
    ["started", { attempt: 0 }, "data.attempt must be an integer"],
    ["created", { operation_id: "a:b", kind: "k" }, "data.operation_id must be 1 to 64 letters"],
    ["created", { operation_id: "a", kind: "k", user_id: "a\ud83d" }, "data.user_id must be"],
    ["created", { operation_id: "a", kind: "k", session_id: "" }, "data.session_id must be"],
  ])("parseOperationEvent refuses %s with %j: %s", (event, data, message) => {
    const outcome = parseOperationEvent(event, data);
    expect(outcome).toMatchObject({ failure: { message: expect.stringContaining(message) } });
  });

  it("a steps event may have as many steps as a state keeps and no more", () => {
    const steps = (count: number) => ({
      steps: Array.from({ length: count }, (_, i) => ({ id: `s${i}` })),
    });
    expect(parseOperationEvent("steps", steps(operationBounds.steps)).ok).toBe(true);
    expect(parseOperationEvent("steps", steps(operationBounds.steps + 1)).ok).toBe(false);
  });

  it("parseOperationEvent refuses an unknown event name as bad_message", () => {
    for (const event of ["", "Step", "toString", "__proto__", "constructor", 7, null, undefined]) {
      expect(parseOperationEvent(event, {})).toMatchObject({
        ok: false,
        failure: { code: "bad_message", message: expect.stringMatching(/^event must be one of/) },
      });
    }
  });

  it("parseOperationEvent accepts an event without data and refuses data that is not an object", () => {
    expect(parseOperationEvent("started", undefined)).toEqual({
      ok: true,
      value: { event: "started", data: {} },
    });
    for (const data of [null, 7, "a", [], true]) {
      expect(parseOperationEvent("started", data)).toMatchObject({
        failure: { message: "data must be an object" },
      });
    }
  });

  it("parseOperationEvent leaves out unknown fields", () => {
    const data: unknown = JSON.parse('{"id":"a","__proto__":{"x":1},"more":1,"constructor":{}}');
    expect(parseOperationEvent("step", data)).toEqual({
      ok: true,
      value: { event: "step", data: { id: "a" } },
    });
  });

  it("parseOperationEvent returns the same event when its result is parsed again", () => {
    fc.assert(
      fc.property(fc.oneof(anyEvent, anyGarbage), ({ event, data }) => {
        const outcome = parseOperationEvent(event, data);
        if (!outcome.ok) return;
        expect(parseOperationEvent(outcome.value.event, outcome.value.data)).toEqual(outcome);
      }),
      { numRuns: 500 },
    );
  });

  it("parseOperationEvent accepts every well-formed event", () => {
    fc.assert(
      fc.property(anyEvent, ({ event, data }) => {
        expect(parseOperationEvent(event, data).ok).toBe(true);
      }),
    );
  });

  it("isGatewayEvent distinguishes events that only the gateway publishes from those of the producer", () => {
    const ofGateway = eventNames.filter((event) => {
      const outcome = parseOperationEvent(event, complete[event]);
      return outcome.ok && isGatewayEvent(outcome.value);
    });
    expect(new Set(ofGateway)).toEqual(
      new Set([
        "created",
        "children",
        "budget",
        "input",
        "question",
        "stalled",
        "revived",
        "lost",
        "estimate",
      ]),
    );
    const phases = ["requested", "acknowledged", "done", "refused", "timed_out"].filter((phase) => {
      const outcome = parseOperationEvent("command", { ...complete.command, phase });
      return outcome.ok && isGatewayEvent(outcome.value);
    });
    expect(phases).toEqual(["requested", "timed_out"]);
  });
});

import fc from "fast-check";
import type { OperationEventName, OperationEvents } from "../operation-event.ts";
import type { ProjectionEntry } from "../projection.ts";

/** An entry of a test log without its time and offset. */
export type AnyEvent = Pick<ProjectionEntry, "event" | "data">;

const id = fc.constantFrom("a", "b", "c", "7", "__proto__", "constructor");
const message = fc.string({ maxLength: 8 });
const percent = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.double({ min: 0, max: 100, noNaN: true }),
);
const count = fc.integer({ min: 0, max: 20 });
const plan = fc.uniqueArray(
  fc.record(
    { id, title: message, weight: fc.constantFrom(0, 0.1, 0.2, 1, 3) },
    { requiredKeys: ["id"] },
  ),
  { maxLength: 5, selector: (step) => step.id },
);

function some<T>(
  fields: { [K in keyof T]: fc.Arbitrary<T[K]> },
  requiredKeys: (keyof T & string)[],
) {
  return fc.record(fields, { requiredKeys } as never) as fc.Arbitrary<object>;
}

const progress = { message, percent, done: count, total: count, unit: message };

const dataOf: Record<OperationEventName, fc.Arbitrary<object>> = {
  created: some({ operation_id: fc.constant("9"), kind: fc.constant("index"), steps: plan }, [
    "operation_id",
    "kind",
  ]),
  waiting: some({ position: count, total: count, estimated_wait_ms: count }, ["position", "total"]),
  started: some({ attempt: fc.integer({ min: 1, max: 4 }) }, []),
  steps: some({ steps: plan }, ["steps"]),
  step: some(
    {
      id,
      status: fc.constantFrom("running", "done", "failed", "skipped"),
      title: message,
      ...progress,
    },
    ["id"],
  ),
  progress: some({ ...progress, reset: fc.boolean() }, []),
  agent: some(
    {
      id,
      name: message,
      active: fc.boolean(),
      progress: percent,
      tasks: fc.array(fc.constantFrom("t", "u")),
    },
    ["id"],
  ),
  log: some(
    {
      level: fc.constantFrom("info", "success", "warning", "error"),
      message,
      data: fc.jsonValue(),
    },
    ["message"],
  ),
  text: some({ stream: id, append: message, done: fc.boolean(), reset: fc.boolean() }, ["stream"]),
  count: some(
    { name: id, add: fc.constantFrom("0", "1", "0.1", "12.000000001", "900000000000000") },
    ["name", "add"],
  ),
  link: some({ id, title: fc.constant("Page"), url: fc.constant("https://example.com/") }, [
    "id",
    "url",
  ]),
  artefact: fc.oneof(
    some({ name: id, type: fc.constant("text/csv"), url: fc.constant("https://example.com/a") }, [
      "name",
      "url",
    ]),
    some({ name: id, size: count, data: fc.jsonValue() }, ["name", "data"]),
  ),
  beat: some({ reason: fc.constantFrom("model", "child"), until: count }, []),
  children: some(
    {
      total: count,
      percent: fc.integer({ min: 0, max: 10_000 }).map((hundredths) => hundredths / 100),
      statuses: some({ running: count, done: count }, []),
      counters: fc.dictionary(id, fc.constantFrom("1", "0.25", "999999999999999")),
      revision: count,
    },
    ["total", "statuses", "revision"],
  ),
  budget: some(
    {
      phase: fc.constantFrom("passed", "extended", "stopped"),
      limit: fc.constantFrom("1", "10.5"),
      spent: fc.constant("11"),
      question_id: id,
    },
    ["phase", "limit"],
  ),
  paused: some({ reason: message }, []),
  resumed: fc.constant({}),
  command: some(
    {
      command_id: id,
      command: fc.constantFrom("cancel", "pause", "resume", "retry"),
      phase: fc.constantFrom("requested", "acknowledged", "done", "refused", "timed_out"),
      reason: message,
    },
    ["command_id", "command", "phase"],
  ),
  accepts: some(
    {
      commands: fc.uniqueArray(fc.record({ name: fc.constantFrom("skip", "go-on") }), {
        maxLength: 2,
        selector: ({ name }) => name,
      }),
      inputs: fc.constantFrom("queue", "reject", "interrupt"),
      busy: fc.boolean(),
    },
    [],
  ),
  input: some(
    {
      input_id: id,
      phase: fc.constantFrom("queued", "taken", "done", "interrupted", "rejected", "dropped"),
      data: fc.jsonValue(),
      by: id,
    },
    ["input_id", "phase"],
  ),
  question: some(
    {
      question_id: id,
      phase: fc.constantFrom("asked", "escalated", "answered", "expired", "withdrawn"),
      kind: fc.constantFrom("approve", "choose", "input"),
      prompt: fc.constant("Go on?"),
      schema: fc.constant({ type: "string" }),
      for: fc.constant({ users: ["7"] }),
      level: fc.integer({ min: 1, max: 3 }),
      answer: fc.boolean(),
      by: id,
      reason: message,
    },
    ["question_id", "phase"],
  ),
  done: some({ result: fc.jsonValue() }, []),
  failed: fc.constant({ error: { code: "broken", message: "it broke", retryable: true } }),
  cancelled: some({ reason: message }, []),
  stalled: fc.constant({ silent_ms: 30_000 }),
  revived: fc.constant({}),
  lost: fc.constant({ silent_ms: 300_000 }),
  estimate: some(
    {
      at: count,
      basis: count,
      remaining: fc.record({ p50_ms: count, p90_ms: count }),
      slower_than_usual: fc.constant(true),
      usual_steps: fc.array(fc.record({ id, p90_ms: count }), { maxLength: 3 }),
    },
    ["at", "basis"],
  ),
};

/** Every event name of an operation. */
export const eventNames = Object.keys(dataOf) as OperationEventName[];

/** A well-formed event of the given name. */
export function anyEventOf<Name extends OperationEventName>(name: Name): fc.Arbitrary<AnyEvent> {
  return dataOf[name].map((data) => ({ event: name, data }));
}

// Final events are rare, so that most generated logs have events after the start and before the end.
const seldom: readonly OperationEventName[] = ["created", "done", "failed", "cancelled", "lost"];

/** Any well-formed event. */
export const anyEvent: fc.Arbitrary<AnyEvent> = fc.oneof(
  ...eventNames.map((name) => ({
    weight: seldom.includes(name) ? 1 : 6,
    arbitrary: anyEventOf(name),
  })),
);

/** An invalid event: an unknown name, or data of the wrong kind. */
export const anyGarbage: fc.Arbitrary<AnyEvent> = fc.record({
  event: fc.oneof(fc.constantFrom(...eventNames, "__proto__", "toString"), fc.string()),
  data: fc.oneof(
    fc.anything({ withNullPrototype: true }),
    fc.dictionary(
      fc.constantFrom("id", "steps", "percent", "attempt", "message", "stream", "tasks", "error"),
      fc.anything(),
    ),
  ),
});

/**
 * Returns the events as a log with offsets from `firstOffset` (default 1). An entry's time is 1,000 ms plus 10
 * ms times its offset.
 */
export function logOf(events: readonly AnyEvent[], firstOffset = 1): ProjectionEntry[] {
  return events.map(({ event, data }, i) => ({
    event,
    data,
    offset: firstOffset + i,
    ts: 1_000 + 10 * (firstOffset + i),
  }));
}

/** Returns one event. The compiler checks that its data has the type for that event name. */
export function happened<Name extends OperationEventName>(
  event: Name,
  data: OperationEvents[Name],
): AnyEvent {
  return { event, data };
}

import {
  compact,
  Fields,
  identifierOf,
  idRule,
  integerIn,
  isChannelSegment,
  isId,
  isRecord,
  listOf,
  maxIdBytes,
  numberIn,
  objectOf,
  oneOf,
  type Parsed,
  parsed,
  type Reader,
  readBoolean,
  refused,
  textOf,
} from "@milepost/protocol";
import {
  type EstimatedRange,
  type EstimateMark,
  maxEstimateMarks,
  type UsualStep,
} from "./operation-estimate.ts";
import type {
  OperationEvent,
  OperationEventName,
  OperationEvents,
  StepPlan,
} from "./operation-event.ts";
import { type InputPhase, inputBounds } from "./operation-input.ts";
import { operationBounds } from "./operation-state.ts";
import { questionBounds } from "./question.ts";
import {
  atMost,
  readAccepts,
  readAcceptsFields,
  readAudience,
  readCommandName,
  readQuestionOptions,
  readTrue,
} from "./question-fields.ts";
import { readBudget, readChildWeight, readTags, treeBounds, treeReaders } from "./tree-fields.ts";

/** Bounds on one event of an operation. Lengths are in characters. */
export const eventBounds = {
  id: 64,
  title: 200,
  message: 4_000,
  task: 500,
  unit: 32,
  weight: 1_000_000,
  attempt: 1_000_000,
  /** Maximum number of tasks in one event. The state keeps the last `operationBounds.tasksPerAgent` of them. */
  tasks: 200,
  /** Maximum length of one piece of a text stream, in characters. */
  append: 256 * 1024,
  /** Maximum length of a log line's data as JSON text, in characters. */
  logData: 8 * 1024,
  /** Maximum length of a message to the operation, as JSON text, in characters. */
  inputData: inputBounds.data,
  /** Maximum length of `input`, `result` and `args`, each as JSON text, in characters. */
  payload: 256 * 1024,
  /** Bounds on the place in a tree, the counters, links and artefacts. */
  tree: treeBounds,
} as const;

/**
 * Parses one event of an operation from untrusted values.
 *
 * The result has the declared shape and stays within {@link eventBounds}. Unknown fields are left out. An
 * unknown event name or a wrong field is refused with `bad_message` and the name of the field. Absent data
 * counts as `{}`. Never throws.
 */
export function parseOperationEvent(event: unknown, data: unknown): Parsed<OperationEvent> {
  if (typeof event !== "string" || !Object.hasOwn(readers, event)) {
    return refused("bad_message", `event must be one of ${Object.keys(readers).join(", ")}`);
  }
  if (data !== undefined && !isRecord(data))
    return refused("bad_message", "data must be an object");
  const name = event as OperationEventName;
  const fields = new Fields(data ?? {}, "data.");
  const read = readers[name](fields);
  return fields.refusal === undefined
    ? // The table pairs each event name with the reader of its own data.
      parsed({ event: name, data: read } as OperationEvent)
    : { ok: false, failure: fields.refusal };
}

const readId = textOf(eventBounds.id);
const readTitle = textOf(eventBounds.title, 0);
const readMessage = textOf(eventBounds.message, 0);
const readPercent = numberIn(0, 100);
const readCount = numberIn(0, Number.MAX_SAFE_INTEGER);
const readUnit = textOf(eventBounds.unit, 0);
const readMilliseconds = numberIn(0, Number.MAX_SAFE_INTEGER);
const inputPhases = [
  "queued",
  "taken",
  "done",
  "interrupted",
  "rejected",
  "dropped",
] as const satisfies readonly InputPhase[];
const readPayload = atMost(eventBounds.payload);

const readWaitRange = objectOf((fields) => ({
  p50_ms: fields.required("p50_ms", readMilliseconds),
  p90_ms: fields.required("p90_ms", readMilliseconds),
}));

const readStepPlan: Reader<StepPlan> = objectOf((fields) =>
  compact({
    id: fields.required("id", readId),
    title: fields.optional("title", readTitle),
    weight: fields.optional("weight", numberIn(0, eventBounds.weight)),
  }),
);

/** Parses the plan of an operation: at most 200 steps with distinct ids. */
export const readStepPlans: Reader<readonly StepPlan[]> = (value) => {
  const steps = listOf(readStepPlan, 0, operationBounds.steps)(value);
  if (!steps.ok) return steps;
  const seen = new Set<string>();
  for (const [i, { id }] of steps.value.entries()) {
    if (seen.has(id))
      return refused("bad_message", `[${i}].id is used twice; give every step an id of its own`);
    seen.add(id);
  }
  return steps;
};

const readers: {
  readonly [Name in OperationEventName]: (fields: Fields) => OperationEvents[Name];
} = {
  created: (fields) =>
    compact({
      operation_id: fields.required("operation_id", segmentOf(eventBounds.id)),
      kind: fields.required("kind", readId),
      title: fields.optional("title", readTitle),
      session_id: fields.optional("session_id", readOwner),
      user_id: fields.optional("user_id", readOwner),
      producer_id: fields.optional("producer_id", identifierOf(200)),
      collection_id: fields.optional("collection_id", readOwner),
      belongs_to: fields.optional("belongs_to", textOf(255)),
      parent: fields.optional("parent", segmentOf(eventBounds.id)),
      weight: fields.optional("weight", readChildWeight),
      tags: fields.optional("tags", readTags),
      budget: fields.optional("budget", readBudget),
      steps: fields.optional("steps", readStepPlans),
      input: fields.optional("input", readPayload),
      accepts: fields.optional("accepts", readAccepts),
      size: fields.optional("size", readCount),
    }),
  waiting: (fields) =>
    compact({
      position: fields.required("position", integerIn(0, Number.MAX_SAFE_INTEGER)),
      total: fields.required("total", integerIn(0, Number.MAX_SAFE_INTEGER)),
      estimated_wait_ms: fields.optional("estimated_wait_ms", readMilliseconds),
      estimated_wait: fields.optional("estimated_wait", readWaitRange),
      queue: fields.optional("queue", textOf(255)),
      ticket: fields.optional("ticket", textOf(255)),
    }),
  started: (fields) =>
    compact({ attempt: fields.optional("attempt", integerIn(1, eventBounds.attempt)) }),
  steps: (fields) => ({ steps: fields.required("steps", readStepPlans) }),
  step: (fields) =>
    compact({
      id: fields.required("id", readId),
      status: fields.optional("status", oneOf(["running", "done", "failed", "skipped"])),
      title: fields.optional("title", readTitle),
      ...readProgress(fields),
    }),
  progress: (fields) =>
    compact({ ...readProgress(fields), reset: fields.optional("reset", readBoolean) }),
  agent: (fields) =>
    compact({
      id: fields.required("id", readId),
      name: fields.optional("name", readTitle),
      active: fields.optional("active", readBoolean),
      progress: fields.optional("progress", readPercent),
      tasks: fields.optional("tasks", listOf(textOf(eventBounds.task), 0, eventBounds.tasks)),
    }),
  log: (fields) =>
    compact({
      level: fields.optional("level", oneOf(["info", "success", "warning", "error"])),
      message: fields.required("message", readMessage),
      agent: fields.optional("agent", readId),
      step: fields.optional("step", readId),
      data: fields.optional("data", atMost(eventBounds.logData)),
    }),
  text: (fields) =>
    compact({
      stream: fields.required("stream", readId),
      append: fields.optional("append", textOf(eventBounds.append, 0)),
      done: fields.optional("done", readBoolean),
      reset: fields.optional("reset", readBoolean),
    }),
  ...treeReaders,
  paused: readReason,
  resumed: () => ({}),
  command: (fields) =>
    compact({
      command_id: fields.required("command_id", readId),
      command: fields.required("command", readCommandName),
      phase: fields.required(
        "phase",
        oneOf(["requested", "acknowledged", "done", "refused", "timed_out"]),
      ),
      by: fields.optional("by", textOf(maxIdBytes)),
      reason: fields.optional("reason", readMessage),
      args: fields.optional("args", readPayload),
    }),
  accepts: readAcceptsFields,
  input: (fields) =>
    compact({
      input_id: fields.required("input_id", readId),
      phase: fields.required("phase", oneOf(inputPhases)),
      data: fields.optional("data", atMost(eventBounds.inputData)),
      by: fields.optional("by", textOf(maxIdBytes)),
    }),
  question: (fields) =>
    compact({
      question_id: fields.required("question_id", readId),
      phase: fields.required(
        "phase",
        oneOf(["asked", "escalated", "answered", "expired", "withdrawn"]),
      ),
      kind: fields.optional("kind", oneOf(["approve", "choose", "input"])),
      prompt: fields.optional("prompt", textOf(questionBounds.prompt)),
      options: fields.optional("options", readQuestionOptions),
      schema: fields.optional("schema", atMost(questionBounds.schema)),
      for: fields.optional("for", readAudience),
      default: fields.optional("default", atMost(questionBounds.answer)),
      deadline_at: fields.optional("deadline_at", readMilliseconds),
      level: fields.optional("level", integerIn(1, questionBounds.escalations)),
      answer: fields.optional("answer", atMost(questionBounds.answer)),
      comment: fields.optional("comment", textOf(questionBounds.comment, 0)),
      by: fields.optional("by", textOf(maxIdBytes)),
      by_default: fields.optional("by_default", readTrue),
      reason: fields.optional("reason", readMessage),
    }),
  done: (fields) => compact({ result: fields.optional("result", readPayload) }),
  failed: (fields) => ({
    error: fields.required(
      "error",
      objectOf((error) => ({
        code: error.required("code", readId),
        message: error.required("message", readMessage),
        retryable: error.required("retryable", readBoolean),
      })),
    ),
  }),
  cancelled: readReason,
  stalled: readSilence,
  revived: () => ({}),
  lost: readSilence,
  estimate: (fields) =>
    compact({
      at: fields.required("at", readMilliseconds),
      remaining: fields.optional("remaining", readRange),
      basis: fields.required("basis", readCount),
      none: fields.optional("none", oneOf(["new_kind"])),
      slower_than_usual: fields.optional("slower_than_usual", readTrue),
      usual_steps: fields.optional("usual_steps", listOf(readUsualStep, 0, operationBounds.steps)),
      marks: fields.optional("marks", listOf(readMark, 0, maxEstimateMarks)),
    }),
};

function readProgress(fields: Fields) {
  return {
    message: fields.optional("message", readMessage),
    percent: fields.optional("percent", readPercent),
    done: fields.optional("done", readCount),
    total: fields.optional("total", readCount),
    unit: fields.optional("unit", readUnit),
  };
}

const readRange: Reader<EstimatedRange> = objectOf((fields) => ({
  p50_ms: fields.required("p50_ms", readMilliseconds),
  p90_ms: fields.required("p90_ms", readMilliseconds),
}));

const readUsualStep: Reader<UsualStep> = objectOf((fields) => ({
  id: fields.required("id", readId),
  p90_ms: fields.required("p90_ms", readMilliseconds),
}));

const readMark: Reader<EstimateMark> = (value) => {
  const numbers = listOf(readMilliseconds, 2, 4)(value);
  if (!numbers.ok) return numbers;
  const [mark = 0, elapsed = 0, p50, p90] = numbers.value;
  return parsed(
    p50 === undefined || p90 === undefined ? [mark, elapsed] : [mark, elapsed, p50, p90],
  );
};

function readReason(fields: Fields): { readonly reason?: string } {
  return compact({ reason: fields.optional("reason", readMessage) });
}

function readSilence(fields: Fields): { readonly silent_ms: number } {
  return { silent_ms: fields.required("silent_ms", readMilliseconds) };
}

/** Reads the id of the user or session that an operation belongs to. */
const readOwner: Reader<string> = (value) =>
  isId(value) ? parsed(value) : refused("bad_message", idRule);

/**
 * Returns a reader that accepts an id of at most `maxLength` characters that is valid as a segment of a channel
 * name.
 */
function segmentOf(maxLength: number): Reader<string> {
  return (value) =>
    isChannelSegment(value) && value.length <= maxLength
      ? parsed(value)
      : refused(
          "bad_message",
          `must be 1 to ${maxLength} letters, digits, '_', '.', '~' or '-', since it names a channel`,
        );
}

import {
  type AnswerQuestion,
  type AskQuestion,
  type QuestionFilter,
  type QuestionOption,
  questionBounds,
  readAudience,
  readQuestionOptions,
} from "@milepost/model";
import {
  compact,
  type Fields,
  identifierOf,
  integerIn,
  listOf,
  messageBounds,
  objectOf,
  oneOf,
  type Parsed,
  parsed,
  type Reader,
  readAnything,
  readBoolean,
  refused,
  textOf,
} from "@milepost/protocol";
import { readInput } from "../input/input.ts";
import { readJsonText } from "../input/json-text.ts";

/** Validated request to ask a question. */
export type ReadAsk = Omit<AskQuestion, "options"> & {
  readonly options?: readonly QuestionOption[];
};

const readMs = integerIn(1, questionBounds.deadlineMs);
const readOwner = textOf(255);
const readIdentifier = identifierOf(messageBounds.keyLength);
/** Keys of questions that the gateway itself asks begin with this. */
const ownKeys = "gateway:";
const readKey: Reader<string> = (value) => {
  const key = readIdentifier(value);
  return key.ok && key.value.startsWith(ownKeys)
    ? refused("bad_message", `must not begin with ${ownKeys}`)
    : key;
};
const readSchema = jsonOf("schema", questionBounds.schema);
const readAnswer = jsonOf("answer", questionBounds.answer);
/** Time for which a question is put aside where the request names none: an hour. */
const snoozeMs = 3_600_000;

const readStep = objectOf((fields) => ({
  after_ms: fields.required("after_ms", readMs),
  for: fields.required("for", readAudience),
}));

/** Reads the body of a request that asks a question. */
export function readAsk(input: unknown): Parsed<ReadAsk> {
  return readInput(input, (fields) => {
    const ask = compact({
      kind: fields.required("kind", oneOf(["approve", "choose", "input"])),
      prompt: fields.required("prompt", textOf(questionBounds.prompt)),
      options: fields.optional("options", readQuestionOptions),
      schema: fields.optional("schema", readSchema),
      for: fields.optional("for", readAudience),
      deadline_ms: fields.optional("deadline_ms", readMs),
      default: fields.optional("default", jsonOf("default", questionBounds.answer)),
      escalate: fields.optional("escalate", listOf(readStep, 0, questionBounds.escalations)),
      private: fields.optional("private", readBoolean),
      key: fields.optional("key", readKey),
      lease: fields.optional("lease", textOf(255)),
    });
    refuseContradictions(fields, ask);
    return ask;
  });
}

function refuseContradictions(fields: Fields, ask: ReadAsk): void {
  const { kind, options, schema, deadline_ms, escalate = [] } = ask;
  const fault =
    (kind === "choose" &&
      options === undefined &&
      "options is missing; name what to choose from") ||
    (kind !== "choose" && options !== undefined && "options is only for the kind choose") ||
    (kind !== "input" && schema !== undefined && "schema is only for the kind input") ||
    (ask.default !== undefined &&
      deadline_ms === undefined &&
      "default needs deadline_ms, since it is the answer at the deadline") ||
    escalationFault(escalate, deadline_ms);
  if (fault) {
    const refusal = refused("bad_message", fault);
    if (!refusal.ok) fields.refuse(refusal.failure);
  }
}

function escalationFault(
  steps: NonNullable<AskQuestion["escalate"]>,
  deadlineMs: number | undefined,
): string | false {
  for (const [i, { after_ms }] of steps.entries()) {
    if (after_ms <= (steps[i - 1]?.after_ms ?? 0)) {
      return `escalate[${i}].after_ms must be later than that of the step before`;
    }
    if (deadlineMs !== undefined && after_ms >= deadlineMs) {
      return `escalate[${i}].after_ms must be before deadline_ms`;
    }
  }
  return false;
}

/** Reads an answer. Whether it answers the question is checked later. */
export function readAnswerQuestion(input: unknown): Parsed<AnswerQuestion> {
  return readInput(input, (fields) =>
    compact({
      answer: fields.required("answer", readAnswer),
      comment: fields.optional("comment", textOf(questionBounds.comment, 0)),
    }),
  );
}

/** Reads for how long a question is put aside, in milliseconds; an hour by default, at most 90 days. */
export function readSnooze(input: unknown): Parsed<number> {
  return readInput(input ?? {}, (fields) => fields.optional("for_ms", readMs) ?? snoozeMs);
}

/** Reads the filter of a list of questions. The limit defaults to 100. */
export function readQuestionFilter(
  input: unknown,
): Parsed<QuestionFilter & { readonly limit: number }> {
  return readInput(input, (fields) =>
    compact({
      user: fields.optional("user", readOwner),
      role: fields.optional("role", textOf(questionBounds.role)),
      limit: fields.optional("limit", integerIn(1, 200)) ?? 100,
    }),
  );
}

function jsonOf(name: string, maxLength: number): Reader<unknown> {
  return (value) => {
    const any = readAnything(value);
    const json = any.ok ? readJsonText(any.value, maxLength, name) : any;
    return json.ok ? parsed(JSON.parse(json.value) as unknown) : json;
  };
}

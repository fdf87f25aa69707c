import { MilepostError } from "@milepost/protocol";
import type { Rule } from "./rule.ts";
import { describeIssue, type SchemaOutcome, type StandardSchema } from "./standard-schema.ts";
import { Deadline, type TimerWheel } from "./timer-wheel.ts";

const maxIssues = 3;
const maxLength = 500;
/** How long a schema that answers later may take. */
const answerMs = 5_000;

/** The schema of a channel's rule for an event; undefined where any data will do. */
export function schemaOf(rule: Rule, event: string): StandardSchema | undefined {
  const { schema } = rule;
  if (schema === undefined) return undefined;
  return Object.hasOwn(schema, event) ? schema[event] : schema["*"];
}

/**
 * Checks an event's data, as they will be stored, against a schema: throws `invalid_data` that says where and what was
 * expected, or rejects with it where the schema answers later. One that does not answer in 5 s is `timed_out`.
 */
export function checkEventData(
  schema: StandardSchema,
  event: string,
  json: string,
  wheel: TimerWheel,
): Promise<void> | undefined {
  // The schema sees what readers will get, and nothing it does to that can reach them.
  const outcome = schema["~standard"].validate(JSON.parse(json));
  if (!(outcome instanceof Promise)) {
    refuseIssues(outcome, event);
    return undefined;
  }
  return inTime(outcome, event, wheel).then((answer) => refuseIssues(answer, event));
}

function refuseIssues({ issues }: SchemaOutcome<unknown>, event: string): void {
  if (issues === undefined) return;
  const says = issues.slice(0, maxIssues).map((issue) => describeIssue(issue, "data"));
  const more = issues.length > maxIssues ? `; and ${issues.length - maxIssues} more` : "";
  const text = `${says.join("; ") || "it does not fit the schema"}${more}`;
  // Names of fields are the sender's: they must not break a line of whoever logs them.
  const line = text.replace(/\p{Cc}/gu, " ");
  const short = line.length > maxLength ? `${line.slice(0, maxLength)}…` : line;
  throw new MilepostError(
    "invalid_data",
    `the data of ${event} are not what the channel takes: ${short}`,
  );
}

async function inTime<T>(outcome: Promise<T>, event: string, wheel: TimerWheel): Promise<T> {
  const deadline = new AnswerDeadline(event);
  wheel.set(deadline, answerMs);
  try {
    return await Promise.race([outcome, deadline.passed]);
  } finally {
    wheel.clear(deadline);
  }
}

class AnswerDeadline extends Deadline {
  readonly passed: Promise<never>;
  readonly #event: string;
  #reject: (error: unknown) => void = () => {};

  constructor(event: string) {
    super();
    this.#event = event;
    this.passed = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.passed.catch(() => {});
  }

  override onDue(): void {
    this.#reject(
      new MilepostError("timed_out", `the schema of ${this.#event} did not answer in time`),
    );
  }
}

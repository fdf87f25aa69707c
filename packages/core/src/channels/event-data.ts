import { MilepostError, type Parsed, readWith, type StandardSchema } from "@milepost/protocol";
import type { Rule } from "../rules/rule.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

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
  const read = readWith(schema, JSON.parse(json), "data");
  if (read instanceof Promise) {
    return inTime(read, event, wheel).then((answer) => refuseUnfit(answer, event));
  }
  refuseUnfit(read, event);
  return undefined;
}

function refuseUnfit(read: Parsed<unknown>, event: string): void {
  if (read.ok) return;
  // Names of fields are the sender's: they must not break a line of whoever logs them.
  const says = read.failure.message.replace(/\p{Cc}/gu, " ");
  throw new MilepostError("invalid_data", `the data of ${event} do not fit: ${says}`);
}

async function inTime<T>(answer: Promise<T>, event: string, wheel: TimerWheel): Promise<T> {
  const deadline = new AnswerDeadline(event);
  wheel.set(deadline, answerMs);
  try {
    return await Promise.race([answer, deadline.passed]);
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
    const message = `the schema of ${this.#event} did not answer in time`;
    this.#reject(new MilepostError("timed_out", message));
  }
}

import { MilepostError, type Parsed, readWith, type StandardSchema } from "@milepost/protocol";
import { hasOwnEvents, ownEvents } from "../rules/own-events.ts";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

/** Maximum time that an asynchronous schema may take, in milliseconds. */
const answerMs = 5_000;

/**
 * Returns the schema of an event in a channel: the one that the rule has for its name, that of a user's or a
 * session's notification, or the one that the rule has for all other events. Returns undefined where any data are
 * accepted.
 */
export function schemaOf(
  { name, rule }: Pick<ResolvedChannel, "name" | "rule">,
  event: string,
): StandardSchema | undefined {
  const { schema } = rule;
  if (schema !== undefined && Object.hasOwn(schema, event)) return schema[event];
  if (event === "notification" && hasOwnEvents(name)) return ownEvents.notification;
  return schema?.["*"];
}

/**
 * Checks an event's data against a schema, in the form in which they will be stored. Throws `invalid_data` with
 * the path and what was expected. With an asynchronous schema, returns a promise that rejects with the same
 * error, or with `timed_out` if the schema does not answer within 5 s.
 */
export function checkEventData(
  schema: StandardSchema,
  event: string,
  json: string,
  wheel: TimerWheel,
): Promise<void> | undefined {
  // The schema gets a parsed copy of what subscribers will receive. Its changes to the copy cannot reach them.
  const read = readWith(schema, JSON.parse(json), "data");
  if (read instanceof Promise) {
    return inTime(read, event, wheel).then((answer) => refuseUnfit(answer, event));
  }
  refuseUnfit(read, event);
  return undefined;
}

function refuseUnfit(read: Parsed<unknown>, event: string): void {
  if (read.ok) return;
  // Field names come from the sender, so control characters in them must not break a log line.
  const says = read.failure.message.replace(/\p{Cc}/gu, " ");
  throw new MilepostError("invalid_data", `the data of ${event} do not match its schema: ${says}`);
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
    const message = `the schema of ${this.#event} did not answer within 5 s; retry later`;
    this.#reject(new MilepostError("timed_out", message));
  }
}

import { projectionNamed } from "@milepost/model";
import {
  findLoss,
  MilepostError,
  type Parsed,
  readWith,
  type StandardSchema,
} from "@milepost/protocol";
import { ownSchema } from "../rules/own-events.ts";
import type { ResolvedChannel } from "../rules/rule-book.ts";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import { maybeEncrypted } from "./encrypted-data.ts";

/** Maximum time that an asynchronous schema may take, in milliseconds. */
const answerMs = 5_000;

/**
 * Returns the schema of an event in a channel: the one that the rule has for its name, that of an event with a meaning of
 * its own in the channel of a person, or the one that the rule has for all other events. Returns undefined where any
 * data are accepted.
 */
export function schemaOf(
  { name, rule }: Pick<ResolvedChannel, "name" | "rule">,
  event: string,
): StandardSchema | undefined {
  const { schema } = rule;
  if (schema !== undefined && Object.hasOwn(schema, event)) return schema[event];
  return ownSchema(name, event) ?? schema?.["*"];
}

/**
 * Throws `bad_message` for data whose value JavaScript would change, where the gateway looks into the data: where
 * the event has a schema, or the channel's projection keeps the data in its state. The message names the place
 * and the value.
 */
export function requireExactData(
  schema: StandardSchema | undefined,
  projection: string | undefined,
  event: string,
  json: string,
): void {
  if (schema === undefined && projection === undefined) return;
  const loss = findLoss(json, "data");
  if (loss === undefined) return;
  if (schema !== undefined || keeps(projection, event, json)) {
    throw new MilepostError("bad_message", loss);
  }
}

/** Returns true if a projection with this name may keep something of the data in its state. */
function keeps(name: string | undefined, event: string, json: string): boolean {
  const projection = name === undefined ? undefined : projectionNamed(name);
  if (projection === undefined) return false;
  // An operation's first event decides what the later ones do, so a single event shows nothing.
  if (projection.name === "operation") return true;
  const entry = { event, data: JSON.parse(json) as unknown, ts: 0, offset: 1 };
  return projection.reduce(projection.initial, entry) !== projection.initial;
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
  const isSealed = maybeEncrypted(json);
  if (read instanceof Promise) {
    return inTime(read, event, wheel).then((answer) => refuseUnfit(answer, event, isSealed));
  }
  refuseUnfit(read, event, isSealed);
  return undefined;
}

function refuseUnfit(read: Parsed<unknown>, event: string, isSealed: boolean): void {
  if (read.ok) return;
  // Field names come from the sender, so control characters in them must not break a log line.
  const says = read.failure.message.replace(/\p{Cc}/gu, " ");
  const hint = isSealed ? "; the data are encrypted, and a schema sees only the envelopes" : "";
  throw new MilepostError(
    "invalid_data",
    `the data of ${event} do not match its schema: ${says}${hint}`,
  );
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

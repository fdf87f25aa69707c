import {
  type AskQuestion,
  type Question,
  type QuestionAudience,
  type QuestionOption,
  questionBounds,
  type SteeringGateway,
} from "@milepost/model";
import { isRecord, MilepostError, sha256Hex } from "@milepost/protocol";
import { backoffMs } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import { ForeignAnswer } from "./foreign-answer.ts";
import { asMilepostError } from "./problem.ts";
import type { Random } from "./random.ts";
import type { Reporter } from "./reporter.ts";

/** Options of a question: the people it is for, and what happens while nobody answers. Times are in milliseconds. */
export interface AskOptions {
  /** People that may answer. Default: those who may command the operation, which are its owners. */
  readonly for?: QuestionAudience;
  /** Time to answer. After it the default is the answer, or the question has expired. */
  readonly deadlineMs?: number;
  /** Answer that the gateway gives at the deadline. */
  readonly default?: unknown;
  /** Further people that may answer if nobody has answered in time. */
  readonly escalate?: readonly { readonly afterMs: number; readonly for: QuestionAudience }[];
  /** True to keep the text and the answer out of the operation's log. */
  readonly private?: boolean;
  /**
   * Idempotency key within the operation. By default it follows from the text, the attempt and the number of equal
   * questions before it, so that a restarted process goes on with the same question.
   */
  readonly key?: string;
}

/** A question to people: yes or no (`approve`, the default), one of some options, or a value. */
export interface Asked extends AskOptions {
  readonly kind?: AskQuestion["kind"];
  readonly prompt: string;
  readonly options?: readonly (string | QuestionOption)[];
  /** JSON Schema of the answer to the kind `input`. */
  readonly schema?: unknown;
}

/** Error of a question that ended without an answer: it expired or was withdrawn. */
export class QuestionClosed extends MilepostError {
  readonly question: Question;

  constructor(question: Question) {
    const reason = question.reason === undefined ? "" : ` (${question.reason})`;
    super("not_possible_now", `the question is ${question.status}${reason}`);
    this.name = "QuestionClosed";
    this.question = question;
  }
}

/** Parts of an operation and its producer that a question uses. */
export interface AskingContext {
  readonly gateway: Partial<SteeringGateway>;
  readonly clock: Clock;
  readonly random: Random;
  readonly reporter: Reporter;
  /** Signal that aborts when the work must end. */
  readonly signal: AbortSignal;
}

const waitMs = 25_000;
const callMs = 10_000;
const retry = { baseMs: 100, capMs: 5_000 };

/** Returns the request that asks a question, without its key. */
export function questionOf({ deadlineMs, escalate, ...rest }: Asked): AskQuestion {
  return {
    kind: "approve",
    ...rest,
    ...(deadlineMs === undefined ? {} : { deadline_ms: deadlineMs }),
    ...(escalate === undefined
      ? {}
      : {
          escalate: escalate.map(({ afterMs, for: people }) => ({
            after_ms: afterMs,
            for: people,
          })),
        }),
  };
}

/**
 * Returns the key of a question that has none of its own. It is the same when another process runs the same attempt
 * again, and another one in the next attempt.
 */
export function keyOf(
  { kind, prompt, options, schema }: AskQuestion,
  attempt: number,
  repeat: number,
): string {
  const text = JSON.stringify([kind, prompt, options ?? null, schema ?? null], sorted);
  const digest = sha256Hex(new TextEncoder().encode(text)).slice(0, 24);
  return `ask-${digest}-${attempt}-${repeat}`;
}

/** Puts the fields of objects into one order. */
function sorted(_: string, value: unknown): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Asks, and waits for the answer however long it takes and whatever becomes of the gateway meanwhile. Rejects with
 * {@link QuestionClosed} if the question ends without an answer, with the signal's reason once the work must end, and with a
 * `MilepostError` if it cannot be asked.
 */
export async function askPeople(
  context: AskingContext,
  body: AskQuestion,
  repeat: number,
): Promise<unknown> {
  const { gateway, clock, random, reporter, signal } = context;
  if (!takesQuestions(gateway)) {
    throw new MilepostError("not_supported", "this gateway takes no questions; use httpGateway");
  }
  if (body.prompt.length > questionBounds.prompt) {
    throw new MilepostError(
      "bad_message",
      `a prompt has at most ${questionBounds.prompt} characters`,
    );
  }
  signal.throwIfAborted();
  if (!(await reporter.created)) {
    throw new MilepostError("cancelled", "nobody can be asked, because reporting has stopped");
  }
  const keyed = { ...body, key: body.key ?? keyOf(body, reporter.attempt, repeat) };
  const id = reporter.operationId;
  for (let failures = 0; ; ) {
    try {
      const lease = reporter.lease?.token;
      const request = lease === undefined ? keyed : { ...keyed, lease };
      const asked = await withDeadline(
        clock,
        callMs,
        (each) => gateway.ask(id, request, each),
        signal,
      );
      failures = 0;
      let { question } = asked;
      while (question.status === "open") {
        const { id: questionId } = question;
        question = await withDeadline(
          clock,
          waitMs + callMs,
          (each) => gateway.question(id, questionId, waitMs, each),
          signal,
        );
        if (question.status === "open") await pause(clock, 50, signal);
      }
      if (question.status === "answered") return question.answer;
      throw new QuestionClosed(question);
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof QuestionClosed) throw thrown;
      const error = asMilepostError(thrown);
      // The reporter creates an operation again that the gateway forgot, and hears who has taken it over.
      const passes = ["not_found", "stale_lease"].includes(error.code) && reporter.isOpen;
      if (!error.retryable && !(error instanceof ForeignAnswer) && !passes) throw error;
      failures++;
      await pause(clock, backoffMs(failures, retry, random, error.retryAfterMs), signal);
    }
  }
}

function takesQuestions(gateway: Partial<SteeringGateway>): gateway is SteeringGateway {
  return gateway.ask !== undefined && gateway.question !== undefined;
}

/** Resolves after some time, or rejects with the reason of the signal. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

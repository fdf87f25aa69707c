import type { AmountInput, OperationEvents, QuestionOption, StepPlan } from "@milepost/model";
import { textPieces } from "@milepost/protocol";
import type { Asked, AskOptions } from "./asking.ts";
import { fieldOf } from "./field-repair.ts";
import type { Input, InputsOptions } from "./inputs.ts";
import { maxTextPiece } from "./merge.ts";
import type { CommandHandler, OwnCommand } from "./own-commands.ts";
import type { Report } from "./report.ts";
import { readText, type TextSource } from "./text-source.ts";

/** Fields of a step report other than its id. */
export type StepUpdate = Omit<OperationEvents["step"], "id">;

/** Fields of a progress report about the whole operation. */
export type ProgressUpdate = OperationEvents["progress"];

/** Handle of a step while the function that does the step's work runs. */
export interface Step {
  readonly id: string;
  /** Reports the progress of the step. */
  progress(update: Omit<StepUpdate, "status">): void;
  /** Adds a line with level `info` to the operation's log. The line carries the step's id. */
  info(message: string, data?: unknown): void;
  warn(message: string, data?: unknown): void;
  error(message: string, data?: unknown): void;
}

/** Text stream of an operation that people can read while it is written. */
export interface TextStream {
  append(text: string): TextStream;
  /** Empties the stream. */
  reset(): TextStream;
  /** Marks the stream as complete. */
  done(): void;
}

/** Functions that pause and resume work from outside, for work without pause points, such as another process. */
export interface Pausable {
  /** Holds the work. If it throws, the pause is refused with the message of the error. */
  pause(): void;
  /** Lets the work continue. Called once for each pause that succeeded, also when paused work is cancelled. */
  resume(): void;
}

/**
 * Handle of a running operation: reports its progress and receives its commands.
 *
 * Every reporting method returns at once, whatever the state of the gateway, and never throws. Reports are
 * queued in a bounded outbox; see {@link ProducerOptions.maxBufferBytes}. If updates of a step, an agent or the
 * whole operation are faster than they can be sent, subscribers receive the latest.
 *
 * `StepId` and `TextName` are the names of steps and text streams that the contract allows.
 */
export interface Operation<StepId extends string = string, TextName extends string = string> {
  readonly id: string;
  /** Number of the current attempt: 1 at first, higher after a retry. */
  readonly attempt: number;
  /**
   * Signal that aborts when the work must end. Its reason is a `MilepostError` with code `cancelled` (by a
   * command or the caller's signal), `stale_lease` (another producer took the operation over) or
   * `shutting_down`.
   */
  readonly signal: AbortSignal;
  /**
   * Resolves at once, or while the operation is paused, when it resumes. Rejects with the signal's reason once
   * the signal is aborted.
   */
  pausePoint(): Promise<void>;
  /**
   * Declares how the work is held from outside. From then on a pause takes effect at once, whether or not the work
   * reaches a pause point.
   */
  pausable(hold: Pausable): void;

  /**
   * Declares a command of the operation's own, and calls `handler` with the arguments of each. The gateway checks them by
   * `schema`. The command is `done` when the handler returns, and `refused` with its message if it throws.
   */
  onCommand(name: string, handler: CommandHandler): void;
  onCommand(name: string, definition: OwnCommand, handler: CommandHandler): void;
  /**
   * Iterates over the messages that people send into the operation, one at a time. A message is done when the loop asks for
   * the next one or is left. Throws the signal's reason once the operation is aborted. A pause does not hold it.
   *
   * What was not taken comes again after a restart of this process, and what was taken never does.
   */
  inputs<Data = unknown>(options?: InputsOptions): AsyncIterableIterator<Input<Data>>;
  /**
   * Asks people and resolves with their answer, however long it takes and whatever becomes of the gateway meanwhile. A process
   * that is restarted in the same attempt goes on with the same question. Rejects with {@link QuestionClosed} if the question
   * ends without an answer, and with the signal's reason once the operation is aborted.
   */
  ask<Answer = unknown>(question: Asked): Promise<Answer>;
  /** Asks a yes or no question. */
  ask(prompt: string, options?: AskOptions): Promise<boolean>;
  /** Asks for one of several options, by its id. */
  choose<Id extends string = string>(
    prompt: string,
    options: readonly (Id | QuestionOption)[],
    more?: AskOptions,
  ): Promise<Id>;
  /** Asks for a text, or for a value that fits a JSON Schema. */
  input<Answer = string>(
    prompt: string,
    options?: AskOptions & { readonly schema?: unknown },
  ): Promise<Answer>;

  /** Reports the plan: the steps that will follow, and their weights. */
  steps(plan: readonly StepPlan<StepId>[]): void;
  /** Reports that a step begins, advances or ends. */
  step(id: StepId, update?: StepUpdate): void;
  /**
   * Runs `work` as a step. Reports `running` first. Then reports `done`, or `failed` if `work` throws and the
   * operation was not aborted.
   */
  step<T>(id: StepId, work: (step: Step) => T | Promise<T>): Promise<T>;
  /**
   * Reports the progress of the whole operation. It is for work without steps, because steps determine the
   * progress.
   */
  progress(update: ProgressUpdate): void;
  /** Reports the activity of an agent. */
  agent(id: string, update?: Omit<OperationEvents["agent"], "id">): void;
  /**
   * Adds to a counter of the operation, for instance tokens or a cost. The sums are exact: give decimals as text.
   * Counters are never reset and add up in the parent.
   */
  count(name: string, add?: AmountInput): void;
  /** Reports a link, always https. A later link with the same id replaces it. */
  link(id: string, url: string, title?: string): void;
  /** Reports something that the work has made: small `data` inline, or its `url`. */
  artefact(name: string, content: Omit<OperationEvents["artefact"], "name">): void;
  /**
   * Says that the work lives although nothing moves, and why; `until` (milliseconds since 1970) is when it expects to
   * report again. The gateway is patient until then, for at most an hour. Without a reason, the reason before is over.
   */
  beat(reason?: string, until?: number): void;
  /** Returns the text stream with this name. */
  text(stream: TextName): TextStream;
  /**
   * Reads `source` to its end as the text stream with this name, and completes the stream. The source is read as fast
   * as it gives; pieces that wait for the gateway are joined. A later attempt begins the stream anew.
   *
   * Rejects with the error of the source, or, once the operation is aborted, with the signal's reason; the source is
   * then told to stop. A pause holds the reading.
   */
  text(stream: TextName, source: TextSource): Promise<void>;
  /** Adds a line to the operation's log, with every field that a line may have. */
  log(line: OperationEvents["log"]): void;
  info(message: string, data?: unknown): void;
  success(message: string, data?: unknown): void;
  warn(message: string, data?: unknown): void;
  error(message: string, data?: unknown): void;
  /** Reports the operation's position in a queue that the caller manages. */
  waiting(place: OperationEvents["waiting"]): void;
}

/** Functions of a {@link TrackedOperation} that its handle calls. */
interface Face {
  readonly id: string;
  readonly signal: AbortSignal;
  attempt(): number;
  report(report: Report): void;
  pausePoint(): Promise<void>;
  pausable(hold: Pausable): void;
  onCommand(name: string, definition: OwnCommand, handler: CommandHandler): void;
  inputs(options: InputsOptions): AsyncIterableIterator<Input>;
  ask(question: Asked): Promise<unknown>;
}

/** Creates the handle that a job receives. Its methods do not use `this`, so they work as plain functions. */
export function operationHandle(face: Face): Operation {
  const { report, signal } = face;
  const line =
    (level: NonNullable<OperationEvents["log"]["level"]>, step?: string) =>
    (message: string, data?: unknown): void =>
      report({
        event: "log",
        data: {
          level,
          message,
          ...(step === undefined ? {} : { step }),
          ...(data === undefined ? {} : { data }),
        },
      });

  const update = (id: string, fields: StepUpdate = {}): void =>
    report({ event: "step", data: withId(fields, id) });

  const runStep = async <T>(id: string, work: (step: Step) => T | Promise<T>): Promise<T> => {
    update(id, { status: "running" });
    try {
      const value = await work({
        id,
        progress: (fields) => update(id, fields),
        info: line("info", id),
        warn: line("warning", id),
        error: line("error", id),
      });
      update(id, { status: "done" });
      return value;
    } catch (thrown) {
      // A step that was aborted has not failed. The end of the operation reports the reason.
      if (!signal.aborted) update(id, { status: "failed" });
      throw thrown;
    }
  };

  const streamFrom = async (source: TextSource, stream: TextStream): Promise<void> => {
    if (face.attempt() > 1) stream.reset();
    const ready = () => face.pausePoint();
    await readText(source, { append: stream.append, ready }, signal);
    stream.done();
  };

  return {
    id: face.id,
    signal,
    get attempt() {
      return face.attempt();
    },
    pausePoint: () => face.pausePoint(),
    pausable: (hold) => face.pausable(hold),
    onCommand: (name: string, what: OwnCommand | CommandHandler, handler?: CommandHandler) => {
      if (typeof what === "function") face.onCommand(name, {}, what);
      else if (handler !== undefined) face.onCommand(name, what, handler);
    },
    inputs: ((options: InputsOptions = {}) => face.inputs(options)) as Operation["inputs"],
    ask: ((question: Asked | string, options: AskOptions = {}) =>
      face.ask(
        typeof question === "string" ? { ...options, prompt: question } : question,
      )) as Operation["ask"],
    choose: ((
      prompt: string,
      options: readonly (string | QuestionOption)[],
      more: AskOptions = {},
    ) => face.ask({ ...more, kind: "choose", prompt, options })) as Operation["choose"],
    input: ((prompt: string, options: AskOptions & { readonly schema?: unknown } = {}) =>
      face.ask({ ...options, kind: "input", prompt })) as Operation["input"],
    steps: (steps) => report({ event: "steps", data: { steps } }),
    step: ((id: string, what?: StepUpdate | ((step: Step) => unknown)) =>
      typeof what === "function" ? runStep(id, what) : update(id, what)) as Operation["step"],
    progress: (fields) => report({ event: "progress", data: fields }),
    agent: (id, fields = {}) => report({ event: "agent", data: withId(fields, id) }),
    count: (name, add = 1) =>
      // Where reports are made valid, the amount becomes a text.
      report({ event: "count", data: { name, add: add as string } }),
    link: (id, url, title) =>
      report({ event: "link", data: { id, url, ...(title === undefined ? {} : { title }) } }),
    artefact: (name, content) => report({ event: "artefact", data: { ...content, name } }),
    beat: (reason, until) =>
      report({
        event: "beat",
        data: {
          ...(reason === undefined ? {} : { reason }),
          ...(until === undefined ? {} : { until }),
        },
      }),
    text: ((stream: string, source?: TextSource) =>
      source === undefined
        ? textStream(stream, report)
        : streamFrom(source, textStream(stream, report))) as Operation["text"],
    log: (data) => report({ event: "log", data }),
    info: line("info"),
    success: line("success"),
    warn: line("warning"),
    error: line("error"),
    waiting: (place) => report({ event: "waiting", data: place }),
  };
}

/**
 * Returns the fields with an id. If the fields cannot be copied at once, each is copied by itself, and a field
 * that cannot be read is marked as such.
 */
function withId<T extends object>(fields: T, id: string): T & { readonly id: string } {
  try {
    return { ...fields, id };
  } catch {
    return { ...readable(fields), id } as T & { readonly id: string };
  }
}

function readable(fields: object): object {
  try {
    return Object.fromEntries(Object.keys(fields).map((name) => [name, fieldOf(fields, name)]));
  } catch {
    return {};
  }
}

function textStream(stream: string, report: (report: Report) => void): TextStream {
  const handle: TextStream = {
    append(text) {
      // A value of another type becomes text where reports are made valid, and so does one that cannot.
      if (typeof text !== "string") report({ event: "text", data: { stream, append: text } });
      else if (text.length <= maxTextPiece) {
        if (text !== "") report({ event: "text", data: { stream, append: text } });
      } else {
        for (const append of textPieces(text, maxTextPiece)) {
          report({ event: "text", data: { stream, append } });
        }
      }
      return handle;
    },
    reset() {
      report({ event: "text", data: { stream, reset: true } });
      return handle;
    },
    done: () => report({ event: "text", data: { stream, done: true } }),
  };
  return handle;
}

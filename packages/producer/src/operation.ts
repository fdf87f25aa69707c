import type { OperationEvents, StepPlan } from "@milepost/model";
import { maxTextPiece } from "./merge.ts";
import type { Report } from "./report.ts";

/** What can be said of a step besides its id. */
export type StepUpdate = Omit<OperationEvents["step"], "id">;

/** What can be said of the whole. */
export type ProgressUpdate = OperationEvents["progress"];

/** A step while its function runs. */
export interface Step {
  readonly id: string;
  /** How far the step has come. */
  progress(update: Omit<StepUpdate, "status">): void;
  /** Lines of the log that belong to the step. */
  info(message: string, data?: unknown): void;
  warn(message: string, data?: unknown): void;
  error(message: string, data?: unknown): void;
}

/** A text stream that people read while it is written. */
export interface TextStream {
  append(text: string): TextStream;
  /** Empties it. */
  reset(): TextStream;
  /** Nothing more will come. */
  done(): void;
}

/**
 * What running work tells, and hears.
 *
 * Every method that tells returns at once, whatever state the gateway is in, and never throws: reports
 * go into a bounded outbox, see {@link ProducerOptions.maxBufferBytes}. Of updates of the same step, agent
 * or of the whole that come quicker than they are sent, people see the latest.
 *
 * `StepId` and `TextName` are what a contract says its steps and text streams may be called.
 */
export interface Operation<StepId extends string = string, TextName extends string = string> {
  readonly id: string;
  /** Counts from 1; higher after a retry. */
  readonly attempt: number;
  /**
   * Aborts when the work is to end: its reason is a `MilepostError` with code `cancelled` (a person or
   * the caller's signal), `stale_lease` (another producer took the operation over) or `shutting_down`.
   */
  readonly signal: AbortSignal;
  /** Resolves at once; while paused, when resumed. Rejects with the signal's reason once that is aborted. */
  pausePoint(): Promise<void>;

  /** The plan: which steps there will be, and their weights. */
  steps(plan: readonly StepPlan<StepId>[]): void;
  /** A step begins, advances or ends. */
  step(id: StepId, update?: StepUpdate): void;
  /** Runs `work` as a step: `running` first, then `done`, or `failed` when it throws. */
  step<T>(id: StepId, work: (step: Step) => T | Promise<T>): Promise<T>;
  /** Progress of the whole where there are no steps to derive it from. */
  progress(update: ProgressUpdate): void;
  /** What an agent is at. */
  agent(id: string, update?: Omit<OperationEvents["agent"], "id">): void;
  /** The stream of this name. */
  text(stream: TextName): TextStream;
  /** A line of the log, with all it may carry. */
  log(line: OperationEvents["log"]): void;
  info(message: string, data?: unknown): void;
  success(message: string, data?: unknown): void;
  warn(message: string, data?: unknown): void;
  error(message: string, data?: unknown): void;
  /** It stands in a line of the caller's own. */
  waiting(place: OperationEvents["waiting"]): void;
}

/** What the handle is a face of. */
interface Face {
  readonly id: string;
  readonly signal: AbortSignal;
  attempt(): number;
  report(report: Report): void;
  pausePoint(): Promise<void>;
}

/** The handle that a job is given. Its methods need no `this`, so they may be passed on. */
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
    report({ event: "step", data: { ...fields, id } });

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
      // A step that was called off has not failed; the end of the operation says what happened.
      if (!signal.aborted) update(id, { status: "failed" });
      throw thrown;
    }
  };

  return {
    id: face.id,
    signal,
    get attempt() {
      return face.attempt();
    },
    pausePoint: () => face.pausePoint(),
    steps: (steps) => report({ event: "steps", data: { steps } }),
    step: ((id: string, what?: StepUpdate | ((step: Step) => unknown)) =>
      typeof what === "function" ? runStep(id, what) : update(id, what)) as Operation["step"],
    progress: (fields) => report({ event: "progress", data: fields }),
    agent: (id, fields = {}) => report({ event: "agent", data: { ...fields, id } }),
    text: (stream) => textStream(stream, report),
    log: (data) => report({ event: "log", data }),
    info: line("info"),
    success: line("success"),
    warn: line("warning"),
    error: line("error"),
    waiting: (place) => report({ event: "waiting", data: place }),
  };
}

function textStream(stream: string, report: (report: Report) => void): TextStream {
  const handle: TextStream = {
    append(text) {
      for (let at = 0; at < text.length; at += maxTextPiece) {
        report({ event: "text", data: { stream, append: text.slice(at, at + maxTextPiece) } });
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

import {
  type AmountInput,
  eventBounds,
  isBuiltInCommand,
  type OperationEvents,
  type OperationLease,
  type PendingCommand,
  type StepPlan,
} from "@milepost/model";
import { cutText, isRecord, MilepostError } from "@milepost/protocol";
import { type Asked, askPeople, questionOf } from "./asking.ts";
import type { Cancel } from "./clock.ts";
import { Inputs } from "./inputs.ts";
import { type Operation, operationHandle, type Pausable } from "./operation.ts";
import { asCancellation, describeError, messageOf, type Outcome } from "./outcome.ts";
import { OwnCommands } from "./own-commands.ts";
import { PauseGate } from "./pause-gate.ts";
import type { Report } from "./report.ts";
import { Reporter, type ReporterOptions } from "./reporter.ts";
import { sanitizeCreate } from "./sanitize-create.ts";

/** Description of work, with which the producer creates the operation at the gateway. */
export interface WorkSpec {
  /** Sort of work, for example `index` or `export`. */
  readonly kind: string;
  /** Title that people read. Default: the kind. */
  readonly title?: string;
  /** Id of the session that may watch and command the operation. */
  readonly session?: string;
  readonly user?: string;
  /** Id of the collection that the work belongs to. The API key must be able to publish to `collection:{id}`. */
  readonly collection?: string;
  /** Any other channel that the work belongs to, under the same condition. */
  readonly belongsTo?: string;
  /** Id of the operation that this work is a part of. It must be of the same API key and must not have ended. */
  readonly parent?: string;
  /** Share of the parent's progress, relative to the other children; default 1. */
  readonly weight?: number;
  /** Words by which the operation can be found: letters, digits, `_`, `.`, `~` and `-`; at most 10. */
  readonly tags?: readonly string[];
  /** Amount of work in the kind's own unit, such as pages, from which the time left is estimated too. */
  readonly size?: number;
  /** Limit of a counter, descendants included. Passing it pauses the work and asks what to do. */
  readonly budget?: { readonly counter: string; readonly limit: AmountInput };
  readonly steps?: readonly StepPlan[];
  /** Input of the work. Everyone who may watch the operation can see it. */
  readonly input?: unknown;
  /** Id of the operation. Default: a random id. */
  readonly operationId?: string;
  /**
   * Maximum silence of the producer before the operation counts as stalled, in milliseconds. Default: the
   * gateway's setting.
   */
  readonly leaseMs?: number;
}

/** Functions that the code which started the work provides: a producer or a worker. */
export interface WorkHooks {
  /** Returns true when a person may run the work again after this error. */
  retryable(error: unknown): boolean;
  /** Removes the work from its queue. Called when work is cancelled while it waits. */
  leaveLine?(): void;
  /** Runs the work again. Absent if the work cannot be run again. */
  runAgain?(): void;
}

/**
 * Maximum time that a pause command waits for the work to reach a pause point, in milliseconds. The gateway
 * itself lets a command time out after 60 s by default.
 */
const pauseWaitMs = 50_000;
/** Number of latest commands whose ids are remembered, so that delivering one again has no effect. */
const maxKnownCommands = 200;

/** An operation of this producer, from its creation through all attempts to its last report. */
export class TrackedOperation {
  readonly id: string;
  readonly reporter: Reporter;
  readonly #options: ReporterOptions;
  readonly #hooks: WorkHooks;
  readonly #gate = new PauseGate();
  readonly #knownCommands = new Set<string>();
  #phase: "waiting" | "running" | "ended" = "waiting";
  #controller = new AbortController();
  #cancels: PendingCommand[] = [];
  #pause: { readonly command: PendingCommand; readonly cancel: Cancel } | undefined;
  #isPaused = false;
  #pausable: Pausable | undefined;
  /**
   * True if `started` was reported for the current attempt, and neither `waiting` nor an end was reported
   * since.
   */
  #isStarted = false;
  #delivered: Promise<boolean> = Promise.resolve(false);
  readonly #own: OwnCommands;
  readonly #inputs: Inputs;
  /** Number of equal questions that this attempt has asked. */
  readonly #asked = new Map<string, number>();

  constructor(options: ReporterOptions, producerId: string, spec: WorkSpec, hooks: WorkHooks) {
    const { create, complaints } = sanitizeCreate(spec, producerId, () => options.random.id(16));
    this.id = create.operation_id;
    this.#options = options;
    this.#hooks = hooks;
    this.reporter = new Reporter(options, create, (error) => this.abort(error));
    this.reporter.complain(complaints, "created");
    const { gateway, clock, random } = options;
    this.#own = new OwnCommands(clock, this.reporter, (...answer) => this.#answer(...answer));
    this.#inputs = new Inputs({ gateway, clock, random, reporter: this.reporter });
  }

  get phase(): "waiting" | "running" | "ended" {
    return this.#phase;
  }

  /** Resolves to true once the gateway has the operation, and to false if reporting stops before. */
  get created(): Promise<boolean> {
    return this.reporter.created;
  }

  /**
   * Resolves to true once everything that was reported up to the end of the operation was delivered. Resolves to
   * false if a report or a part of one was not, and while the operation has not ended.
   */
  get delivered(): Promise<boolean> {
    return this.#delivered;
  }

  /** Continues an operation that exists, with the lease of it and as this attempt. Call it before the work runs. */
  takeUp(lease: OperationLease, attempt: number): void {
    this.reporter.adopt(lease);
    this.#start(attempt);
  }

  /** Reports that this attempt begins. The work may be run once it has begun. */
  begin(attempt: number): void {
    this.#start(attempt);
  }

  /** Reports the operation's position in its queue. */
  waiting(place: OperationEvents["waiting"]): void {
    this.#isStarted = false;
    this.reporter.report({ event: "waiting", data: place });
  }

  /** Runs the work and reports how it ended. Never rejects. */
  async run<Result>(job: (operation: Operation) => Promise<Result>): Promise<Outcome<Result>> {
    this.#phase = "running";
    this.#pausable = undefined;
    if (!this.#isStarted) this.#start(Math.max(1, this.reporter.attempt));
    const { signal } = this.#controller;
    const operation = operationHandle({
      id: this.id,
      signal,
      attempt: () => this.reporter.attempt,
      report: (report) => this.reporter.report(report),
      pausePoint: () => this.#gate.pass(signal),
      pausable: (hold) => {
        this.#pausable = hold;
      },
      onCommand: (name, definition, handler) => this.#own.declare(name, definition, handler),
      inputs: (options) => this.#inputs.read(options, signal),
      ask: (question) => this.#ask(question, signal),
    });
    this.#asked.clear();
    let outcome: Outcome<Result>;
    try {
      signal.throwIfAborted();
      outcome = { status: "done", result: await job(operation) };
    } catch (thrown) {
      outcome = signal.aborted
        ? { status: "cancelled", error: asCancellation(signal.reason) }
        : { status: "failed", error: thrown };
    }
    this.#end(outcome);
    return outcome;
  }

  #ask(asked: Asked, signal: AbortSignal): Promise<unknown> {
    const question = questionOf(asked);
    // Equal questions of one attempt are different questions.
    const same = `${question.kind}:${question.prompt}`;
    const repeat = this.#asked.get(same) ?? 0;
    this.#asked.set(same, repeat + 1);
    const { gateway, clock, random } = this.#options;
    return askPeople({ gateway, clock, random, reporter: this.reporter, signal }, question, repeat);
  }

  /** Ends the operation before its work begins. Returns the outcome, `cancelled` with this error. */
  callOff(error: MilepostError): Outcome<never> {
    const outcome = { status: "cancelled", error } as const;
    this.#end(outcome);
    return outcome;
  }

  /** Aborts the signal of the work if it is running. */
  abort(error: MilepostError): void {
    if (this.#phase !== "running") return;
    this.#controller.abort(error);
    this.#release();
  }

  /**
   * Executes a command of a person or a backend. Returns false if the operation received the command before.
   */
  command(command: PendingCommand): boolean {
    if (this.#knownCommands.has(command.command_id)) return false;
    this.#remember(command.command_id);
    if (command.command === "retry") {
      this.#retry(command);
      return true;
    }
    if (this.#phase === "ended") {
      this.#answer(command, "refused", "the operation has ended");
      return true;
    }
    if (!isBuiltInCommand(command.command)) {
      this.#own.run(command);
      return true;
    }
    this.#answer(command, "acknowledged");
    if (command.command === "cancel") this.#cancel(command);
    else if (command.command === "pause") this.#pauseAtNextPoint(command);
    else this.#resume(command);
    return true;
  }

  #start(attempt: number): void {
    this.#isStarted = true;
    this.reporter.report({ event: "started", data: { attempt } });
  }

  #cancel(command: PendingCommand): void {
    this.#cancels.push(command);
    const error = new MilepostError("cancelled", reasonOf(command) ?? "cancelled on request");
    if (this.#phase === "running") this.abort(error);
    else {
      this.#hooks.leaveLine?.();
      this.callOff(error);
    }
  }

  #pauseAtNextPoint(command: PendingCommand): void {
    if (this.#gate.isClosed || this.#phase !== "running") {
      if (this.#isPaused) this.#answer(command, "done");
      else if (this.#gate.isClosed)
        this.#answer(command, "refused", "another pause is already waiting for a pause point");
      else this.#answer(command, "refused", "the operation is not running");
      return;
    }
    if (this.#pausable !== undefined) {
      this.#pauseFromOutside(this.#pausable, command);
      return;
    }
    const cancel = this.#options.clock.after(pauseWaitMs, () => {
      this.#settlePause("refused", "the work reached no pause point in time");
      this.#gate.open();
    });
    this.#pause = { command, cancel };
    this.#gate.close(() => {
      this.#paused(command);
      this.#settlePause("done");
    });
  }

  #pauseFromOutside(hold: Pausable, command: PendingCommand): void {
    try {
      hold.pause();
    } catch (thrown) {
      this.#answer(command, "refused", cutText(messageOf(thrown), eventBounds.message));
      return;
    }
    this.#gate.close(() => {});
    this.#paused(command);
    this.#answer(command, "done");
  }

  #paused(command: PendingCommand): void {
    this.#isPaused = true;
    const reason = reasonOf(command);
    this.reporter.report({ event: "paused", data: reason === undefined ? {} : { reason } });
  }

  /** Lets work continue that is held from outside. */
  #release(): void {
    if (!this.#isPaused) return;
    try {
      this.#pausable?.resume();
    } catch {
      // The work that cannot continue ends by itself, or never; its operation shows which.
    }
  }

  #resume(command: PendingCommand): void {
    if (!this.#gate.isClosed) {
      this.#answer(command, "refused", "the operation is not paused");
      return;
    }
    this.#settlePause("refused", "the operation was resumed before it reached a pause point");
    if (this.#isPaused) this.reporter.report({ event: "resumed", data: {} });
    this.#release();
    this.#isPaused = false;
    this.#answer(command, "done");
    this.#gate.open();
  }

  #settlePause(phase: "done" | "refused", reason?: string): void {
    if (!this.#pause) return;
    this.#pause.cancel();
    this.#answer(this.#pause.command, phase, reason);
    this.#pause = undefined;
  }

  #retry(command: PendingCommand): void {
    const { runAgain } = this.#hooks;
    if (this.#phase !== "ended" || !runAgain) {
      const reason = runAgain ? "the operation has not ended yet" : "this work cannot be run again";
      this.#answer(command, "refused", reason);
      return;
    }
    this.reporter.reopen();
    this.#answer(command, "acknowledged");
    this.#phase = "waiting";
    this.#controller = new AbortController();
    this.#start(this.reporter.attempt + 1);
    this.#answer(command, "done");
    runAgain();
  }

  #end(outcome: Outcome<unknown>): void {
    this.#phase = "ended";
    this.#isStarted = false;
    this.#isPaused = false;
    this.#settlePause("refused", "the operation ended before it reached a pause point");
    this.#gate.open();
    this.#own.close();
    this.#inputs.close();
    this.reporter.report(this.#endOf(outcome));
    const wasCancelled = outcome.status === "cancelled";
    for (const command of this.#cancels) {
      if (wasCancelled) this.#answer(command, "done");
      else this.#answer(command, "refused", "the operation ended before it could be cancelled");
    }
    this.#cancels = [];
    this.#delivered = this.reporter.close();
  }

  #endOf(outcome: Outcome<unknown>): Report {
    if (outcome.status === "done") return { event: "done", data: { result: outcome.result } };
    const { error } = outcome;
    // To subscribers, a shutdown is a failure, because nobody cancelled the work.
    if (outcome.status === "cancelled" && outcome.error.code !== "shutting_down") {
      return { event: "cancelled", data: { reason: outcome.error.message } };
    }
    const retryable = outcome.status === "failed" && this.#isRetryable(error);
    return { event: "failed", data: { error: describeError(error, retryable) } };
  }

  /**
   * Asks the `retryable` hook whether the failed work may run again. If the hook throws, the answer is false.
   */
  #isRetryable(error: unknown): boolean {
    try {
      return this.#hooks.retryable(error);
    } catch {
      return false;
    }
  }

  #answer(
    command: PendingCommand,
    phase: "acknowledged" | "done" | "refused",
    reason?: string,
  ): void {
    this.reporter.report({
      event: "command",
      data: {
        command_id: command.command_id,
        command: command.command,
        phase,
        ...(reason === undefined ? {} : { reason }),
      },
    });
  }

  #remember(commandId: string): void {
    this.#knownCommands.add(commandId);
    if (this.#knownCommands.size <= maxKnownCommands) return;
    for (const oldest of this.#knownCommands) {
      this.#knownCommands.delete(oldest);
      break;
    }
  }
}

function reasonOf({ args }: PendingCommand): string | undefined {
  return isRecord(args) && typeof args.reason === "string" ? cutText(args.reason, 500) : undefined;
}

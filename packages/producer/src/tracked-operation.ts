import type { CreateOperation, OperationEvents, PendingCommand, StepPlan } from "@milepost/model";
import { isRecord, MilepostError } from "@milepost/protocol";
import type { Cancel } from "./clock.ts";
import { type Operation, operationHandle } from "./operation.ts";
import { asCancellation, describeError, type Outcome } from "./outcome.ts";
import { PauseGate } from "./pause-gate.ts";
import type { Report } from "./report.ts";
import { Reporter, type ReporterOptions } from "./reporter.ts";

/** What work is announced as. */
export interface WorkSpec {
  /** What sort of work it is: `index`, `export`. */
  readonly kind: string;
  /** What people read; the kind when absent. */
  readonly title?: string;
  /** The session and the user that may watch and command it. */
  readonly session?: string;
  readonly user?: string;
  readonly steps?: readonly StepPlan[];
  /** What it was asked to do, shown to those who watch. */
  readonly input?: unknown;
  /** Made up when absent. */
  readonly operationId?: string;
  /** How long the producer may be silent before the operation counts as stalled; the gateway's default. */
  readonly leaseMs?: number;
}

/** What else the place that started the work has to do. */
export interface WorkHooks {
  /** Whether a person may run it again after this error. */
  retryable(error: unknown): boolean;
  /** It is called off while it waits: takes it out of the line. */
  leaveLine?(): void;
  /** Takes it up again; absent where that cannot be done. */
  runAgain?(): void;
}

/** How long a pause may wait for a pause point; the gateway itself gives a command up after 60 s. */
const pauseWaitMs = 50_000;
/** Commands that are remembered so that their redelivery does nothing. */
const maxKnownCommands = 200;

/** One operation of this producer: from its announcement through all attempts to its last report. */
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
  /** The current attempt was reported as started and nothing was reported since that undoes it. */
  #isStarted = false;
  #delivered: Promise<boolean> = Promise.resolve(false);

  constructor(options: ReporterOptions, producerId: string, spec: WorkSpec, hooks: WorkHooks) {
    this.id = spec.operationId ?? options.random.id(16);
    this.#options = options;
    this.#hooks = hooks;
    this.reporter = new Reporter(options, createInput(this.id, producerId, spec), (error) =>
      this.abort(error),
    );
  }

  get phase(): "waiting" | "running" | "ended" {
    return this.#phase;
  }

  /** Resolves to whether everything up to the end was delivered, once that is known. */
  get delivered(): Promise<boolean> {
    return this.#delivered;
  }

  /** Tells its place in the line. */
  waiting(place: OperationEvents["waiting"]): void {
    this.#isStarted = false;
    this.reporter.report({ event: "waiting", data: place });
  }

  /** Runs the work and tells how it ended. Never rejects. */
  async run<Result>(job: (operation: Operation) => Promise<Result>): Promise<Outcome<Result>> {
    this.#phase = "running";
    if (!this.#isStarted) this.#start(Math.max(1, this.reporter.attempt));
    const { signal } = this.#controller;
    const operation = operationHandle({
      id: this.id,
      signal,
      attempt: () => this.reporter.attempt,
      report: (report) => this.reporter.report(report),
      pausePoint: () => this.#gate.pass(signal),
    });
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

  /** Ends it before it ran. */
  callOff(error: MilepostError): Outcome<never> {
    const outcome = { status: "cancelled", error } as const;
    this.#end(outcome);
    return outcome;
  }

  /** Aborts the signal of the running work. */
  abort(error: MilepostError): void {
    if (this.#phase === "running") this.#controller.abort(error);
  }

  /** Does what a person asked for; false when the command was known already. */
  command(command: PendingCommand): boolean {
    if (this.#knownCommands.has(command.command_id)) return false;
    this.#remember(command.command_id);
    if (command.command === "retry") {
      this.#retry(command);
      return true;
    }
    if (this.#phase === "ended") {
      this.#answer(command, "refused", "it has ended");
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
    const error = new MilepostError("cancelled", reasonOf(command) ?? "a person cancelled it");
    if (this.#phase === "running") this.#controller.abort(error);
    else {
      this.#hooks.leaveLine?.();
      this.callOff(error);
    }
  }

  #pauseAtNextPoint(command: PendingCommand): void {
    if (this.#gate.isClosed || this.#phase !== "running") {
      if (this.#isPaused) this.#answer(command, "done");
      else if (this.#gate.isClosed)
        this.#answer(command, "refused", "a pause is under way already");
      else this.#answer(command, "refused", "it is not running");
      return;
    }
    const cancel = this.#options.clock.after(pauseWaitMs, () => {
      this.#settlePause("refused", "the work reached no pause point in time");
      this.#gate.open();
    });
    this.#pause = { command, cancel };
    this.#gate.close(() => {
      this.#isPaused = true;
      const reason = reasonOf(command);
      this.reporter.report({ event: "paused", data: reason === undefined ? {} : { reason } });
      this.#settlePause("done");
    });
  }

  #resume(command: PendingCommand): void {
    if (!this.#gate.isClosed) {
      this.#answer(command, "refused", "it is not paused");
      return;
    }
    this.#settlePause("refused", "it was resumed first");
    if (this.#isPaused) this.reporter.report({ event: "resumed", data: {} });
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
      const reason = runAgain ? "it is still under way" : "this work cannot be run again";
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
    this.#settlePause("refused", "it ended before it reached a pause point");
    this.#gate.open();
    this.reporter.report(this.#endOf(outcome));
    const wasCancelled = outcome.status === "cancelled";
    for (const command of this.#cancels) {
      if (wasCancelled) this.#answer(command, "done");
      else this.#answer(command, "refused", "it ended first");
    }
    this.#cancels = [];
    this.#delivered = this.reporter.close();
  }

  #endOf(outcome: Outcome<unknown>): Report {
    if (outcome.status === "done") return { event: "done", data: { result: outcome.result } };
    const { error } = outcome;
    // Nobody called it off: it was in the way of an end of the process, and that is a failure to watchers.
    if (outcome.status === "cancelled" && outcome.error.code !== "shutting_down") {
      return { event: "cancelled", data: { reason: outcome.error.message } };
    }
    const retryable = outcome.status === "failed" && this.#isRetryable(error);
    return { event: "failed", data: { error: describeError(error, retryable) } };
  }

  /** Code of the application decides; should it throw, the failure is told all the same. */
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
  return isRecord(args) && typeof args.reason === "string" ? args.reason.slice(0, 500) : undefined;
}

function createInput(
  id: string,
  producerId: string,
  spec: WorkSpec,
): CreateOperation & { readonly operation_id: string } {
  return {
    kind: spec.kind,
    operation_id: id,
    producer_id: producerId,
    ...(spec.title === undefined ? {} : { title: spec.title }),
    ...(spec.session === undefined ? {} : { session_id: spec.session }),
    ...(spec.user === undefined ? {} : { user_id: spec.user }),
    ...(spec.steps === undefined ? {} : { steps: spec.steps }),
    ...(spec.input === undefined ? {} : { input: spec.input }),
    ...(spec.leaseMs === undefined ? {} : { lease_ms: spec.leaseMs }),
  };
}

import type { OperationKind, OperationResult, ProducerGateway } from "@milepost/model";
import {
  type AnyContract,
  type AnyFormOfContract,
  type Contract,
  type ContractOf,
  type DefinedContract,
  MilepostError,
} from "@milepost/protocol";
import { type Cancel, type Clock, systemClock } from "./clock.ts";
import { CommandLoop } from "./command-loop.ts";
import type { JobOf, RunOptions, WorkerOf } from "./contract.ts";
import type { Operation } from "./operation.ts";
import { asCancellation, type Outcome } from "./outcome.ts";
import { harmless, type ProblemListener, warnOfProblem } from "./problem.ts";
import { type Random, systemRandom } from "./random.ts";
import type { ReporterOptions } from "./reporter.ts";
import { TrackedOperation, type WorkHooks, type WorkSpec } from "./tracked-operation.ts";
import { QueueWorker, type Worker, type WorkerOptions } from "./worker.ts";

/** What a producer is made of; only `gateway` is needed. */
export interface ProducerOptions {
  /** Over HTTP ({@link httpGateway}) or in process. */
  readonly gateway: ProducerGateway;
  /** Names this process to the gateway, which routes commands by it; made up when absent. */
  readonly producerId?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Bytes of reports that may wait for the gateway, per operation; 1 MiB. */
  readonly maxBufferBytes?: number;
  /** Reports that may wait for the gateway, per operation; 5,000. */
  readonly maxBufferReports?: number;
  /** Reports that are not urgent are sent at most this often; 50 ms. */
  readonly flushIntervalMs?: number;
  /** How long the last reports may take once the work has ended; 5 s. */
  readonly closingFlushMs?: number;
  /** Hears what goes wrong with the reporting; a process warning when absent. */
  readonly onProblem?: ProblemListener;
}

/** Work that is under way. */
export interface Run<Result> {
  readonly operationId: string;
  /** How it ended, as soon as it has; never rejects. */
  readonly finished: Promise<Outcome<Result>>;
  /**
   * Whether everything up to the end reached the gateway. Known at the latest when the closing flush
   * is over; never rejects.
   */
  readonly delivered: Promise<boolean>;
}

/** Reports on work, and hears commands to it; what work may be is what its contract says. */
export interface Producer<C extends Contract = AnyContract> extends AsyncDisposable {
  readonly id: string;
  /**
   * Runs `job` and reports on it: what it returns is `done`, what it throws `failed`, and `cancelled` when it
   * throws after its signal was aborted.
   *
   * Settles as the job does, at once and whether or not anybody could be told. Whoever then ends the process
   * must `close()` the producer first, or the last reports may be lost.
   */
  run<Kind extends OperationKind<C>, Result extends OperationResult<C, Kind>>(
    options: RunOptions<C, Kind>,
    job: JobOf<C, Kind, Result>,
  ): Promise<Result>;
  /** The same, with a handle that tells whether the reports were delivered. */
  start<Kind extends OperationKind<C>, Result extends OperationResult<C, Kind>>(
    options: RunOptions<C, Kind>,
    job: JobOf<C, Kind, Result>,
  ): Run<Result>;
  /** A waiting line in this process. */
  worker<
    Input,
    Result extends OperationResult<C, Kind>,
    Kind extends OperationKind<C> = OperationKind<C>,
  >(options: WorkerOf<C, Kind, Input, Result>): Worker<Input, Result>;
  /**
   * Takes no new work, calls off what waits, aborts what runs (`shutting_down`), and gives the work and
   * its last reports the time of a closing flush each. Never rejects; a second call waits for the same end.
   */
  close(): Promise<void>;
}

/** Ended operations that are kept, so that a command to them is still answered and they can be retried. */
const endedKept = 200;

/**
 * Makes a producer. Nothing is sent before there is work.
 *
 * Its types are those of a contract: `createProducer<typeof contract>({gateway})`, or `createProducer({gateway,
 * contract})`. It checks nothing itself; the gateway does, and a result it refuses fails the operation.
 */
export function createProducer<C extends AnyFormOfContract = AnyContract>(
  options: ProducerOptions & { readonly contract?: C & DefinedContract },
): Producer<ContractOf<C>> {
  // Inside, kinds are names and inputs unknown; their types are the caller's contract.
  return new ProducerOf(options) as unknown as Producer<ContractOf<C>>;
}

class ProducerOf implements Producer {
  readonly id: string;
  readonly clock: Clock;
  readonly #reporting: ReporterOptions;
  readonly #commands: CommandLoop;
  readonly #operations = new Map<string, TrackedOperation>();
  /** What holds the command loop for each operation that has not ended. */
  readonly #holds = new Map<TrackedOperation, Cancel>();
  readonly #ended = new Set<TrackedOperation>();
  readonly #workers: { callOffWaiting(error: MilepostError): void }[] = [];
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ProducerOptions) {
    const random = options.random ?? systemRandom;
    this.clock = options.clock ?? systemClock;
    this.id = options.producerId ?? `producer-${random.id(12)}`;
    const onProblem = harmless(options.onProblem ?? warnOfProblem);
    this.#reporting = {
      gateway: options.gateway,
      clock: this.clock,
      random,
      onProblem,
      bounds: {
        maxBytes: options.maxBufferBytes ?? 1024 * 1024,
        maxReports: options.maxBufferReports ?? 5_000,
      },
      timing: {
        flushIntervalMs: options.flushIntervalMs ?? 50,
        callTimeoutMs: 10_000,
        retryBaseMs: 100,
        retryCapMs: 5_000,
        closingFlushMs: options.closingFlushMs ?? 5_000,
      },
    };
    this.#commands = new CommandLoop({
      gateway: options.gateway,
      clock: this.clock,
      random,
      producerId: this.id,
      onProblem,
      deliver: (command) => this.#operations.get(command.operation_id)?.command(command) ?? false,
    });
  }

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  async run<Result>(
    options: RunOptions,
    job: (operation: Operation) => Promise<Result> | Result,
  ): Promise<Result> {
    const outcome = await this.start(options, job).finished;
    if (outcome.status === "done") return outcome.result;
    throw outcome.error;
  }

  start<Result>(
    options: RunOptions,
    job: (operation: Operation) => Promise<Result> | Result,
  ): Run<Result> {
    if (this.isClosed) {
      throw new MilepostError("shutting_down", "the producer is closed; make another one");
    }
    const { signal, ...spec } = options;
    const operation = this.track(spec, { retryable: () => false });
    const abort = () => operation.abort(asCancellation(signal?.reason));
    signal?.addEventListener("abort", abort, { once: true });
    const finished = operation
      .run(async (handle) => {
        if (signal?.aborted) abort();
        handle.signal.throwIfAborted();
        return job(handle);
      })
      .then((outcome) => {
        signal?.removeEventListener("abort", abort);
        this.ended(operation);
        return outcome;
      });
    const delivered = finished.then(() => operation.delivered);
    return { operationId: operation.id, finished, delivered };
  }

  worker<Input, Result>(options: WorkerOptions<Input, Result>): Worker<Input, Result> {
    const worker = new QueueWorker(this, options);
    this.#workers.push(worker);
    // Also when nothing runs: what has ended may be asked to run again.
    this.#commands.hold();
    return worker;
  }

  track(spec: WorkSpec, hooks: WorkHooks): TrackedOperation {
    const { runAgain } = hooks;
    const operation: TrackedOperation = new TrackedOperation(this.#reporting, this.id, spec, {
      ...hooks,
      ...(runAgain === undefined
        ? {}
        : {
            runAgain: () => {
              this.#alive(operation);
              runAgain();
            },
          }),
    });
    this.#operations.set(operation.id, operation);
    this.#alive(operation);
    return operation;
  }

  ended(operation: TrackedOperation): void {
    this.#holds.get(operation)?.();
    this.#holds.delete(operation);
    this.#ended.add(operation);
    for (const oldest of this.#ended) {
      if (this.#ended.size <= endedKept) break;
      this.#ended.delete(oldest);
      if (this.#operations.get(oldest.id) === oldest) this.#operations.delete(oldest.id);
    }
    if (this.#holds.size === 0) this.#onIdle?.();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const error = new MilepostError("shutting_down", "the producer is shutting down");
    for (const worker of this.#workers) worker.callOffWaiting(error);
    for (const operation of this.#holds.keys()) operation.abort(error);
    await this.#idle();
    this.#commands.close();
    for (const operation of this.#holds.keys()) operation.reporter.stop("the producer was closed");
    await Promise.all([...this.#ended].map((operation) => operation.delivered));
  }

  /** Resolves when no work is under way, or its time is over. */
  #idle(): Promise<void> {
    if (this.#holds.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.clock.after(this.#reporting.timing.closingFlushMs, resolve);
      this.#onIdle = () => {
        cancel();
        resolve();
      };
    });
  }

  #alive(operation: TrackedOperation): void {
    this.#ended.delete(operation);
    this.#holds.set(operation, this.#commands.hold());
  }
}

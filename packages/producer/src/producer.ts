import type {
  ClaimedTicket,
  OperationKind,
  OperationResult,
  PendingCommand,
  ProducerGateway,
  QueueGateway,
  SteeringGateway,
} from "@milepost/model";
import {
  type AnyContract,
  type AnyFormOfContract,
  type Contract,
  type ContractOf,
  type DefinedContract,
  identifierOf,
  MilepostError,
} from "@milepost/protocol";
import { type Cancel, type Clock, systemClock } from "./clock.ts";
import { CommandLoop } from "./command-loop.ts";
import type { JobOf, RunOptions, WorkerOf } from "./contract.ts";
import { type DrivenOperation, type DriveOptions, OperationDrive } from "./driven-operation.ts";
import { fieldOf } from "./field-repair.ts";
import type { Operation } from "./operation.ts";
import { asCancellation, type Outcome } from "./outcome.ts";
import { harmless, type ProblemListener, warnOfProblem } from "./problem.ts";
import { type Random, systemRandom } from "./random.ts";
import type { ReporterOptions } from "./reporter.ts";
import {
  type QueueWork,
  type QueueWorkOptions,
  type TicketJob,
  TicketWorker,
} from "./ticket-worker.ts";
import { TrackedOperation, type WorkHooks, type WorkSpec } from "./tracked-operation.ts";
import { QueueWorker, type Worker, type WorkerOptions } from "./worker.ts";

/** Options of {@link createProducer}. Only `gateway` is required. */
export interface ProducerOptions {
  /** Gateway to report to: over HTTP ({@link httpGateway}) or in process. */
  readonly gateway: ProducerGateway & Partial<QueueGateway> & Partial<SteeringGateway>;
  /** Id of this producer. The gateway uses the id to deliver commands to this process. Default: a random id. */
  readonly producerId?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Largest size of the reports that may wait for the gateway, in bytes per operation. Default: 1 MiB. */
  readonly maxBufferBytes?: number;
  /** Largest number of reports that may wait for the gateway, per operation. Default: 5,000. */
  readonly maxBufferReports?: number;
  /**
   * Shortest interval between two sends of reports that are not urgent, in milliseconds; twice that while more than 50
   * reports come in between. Default: 50.
   */
  readonly flushIntervalMs?: number;
  /** Time limit for delivering the last reports once the work has ended, in milliseconds. Default: 5,000. */
  readonly closingFlushMs?: number;
  /** Called for every problem with the reporting. Default: a process warning. */
  readonly onProblem?: ProblemListener;
  /**
   * Called with every command to an operation of this producer id that does not run in this process, again and again until
   * somebody acknowledges it. For several processes that share one producer id. Default: such commands are left alone.
   */
  readonly onForeignCommand?: (command: PendingCommand) => void;
}

/** Handle of work that was started with {@link Producer.start}. */
export interface Run<Result> {
  readonly operationId: string;
  /**
   * Resolves to true once the gateway has the operation: whoever watches it from then on has its state at once.
   * Resolves to false if reporting stops before. Never rejects, and the work does not wait for it.
   */
  readonly created: Promise<boolean>;
  /** Resolves to the outcome as soon as the work has ended; never rejects. */
  readonly finished: Promise<Outcome<Result>>;
  /**
   * Resolves to true once everything that was reported up to the end of the operation has reached the gateway.
   * Resolves to false if a report, or a part of one, was left out; `onProblem` has then said which. Settles at most
   * `closingFlushMs` after the work has ended. Never rejects.
   */
  readonly delivered: Promise<boolean>;
}

/** Reports on work and receives its commands. A contract can define the kinds of work. */
export interface Producer<C extends Contract = AnyContract> extends AsyncDisposable {
  readonly id: string;
  /**
   * Runs `job` and reports on it as an operation. The operation ends as `done` if the job returns, as `failed`
   * if it throws, and as `cancelled` if it throws after its signal was aborted.
   *
   * Settles as the job does, without waiting for delivery. Call `close()` on the producer before the process
   * ends; otherwise the last reports may be lost.
   */
  run<Kind extends OperationKind<C>, Result extends OperationResult<C, Kind>>(
    options: RunOptions<C, Kind>,
    job: JobOf<C, Kind, Result>,
  ): Promise<Result>;
  /**
   * Runs `job` like {@link Producer.run} and returns a handle that also shows whether the reports were
   * delivered.
   */
  start<Kind extends OperationKind<C>, Result extends OperationResult<C, Kind>>(
    options: RunOptions<C, Kind>,
    job: JobOf<C, Kind, Result>,
  ): Run<Result>;
  /**
   * Returns an operation that the caller drives, for work that another system runs. An operation of this id that exists is
   * taken over, whichever process drove it before. Throws `shutting_down` once the producer is closed.
   */
  drive(options: DriveOptions): DrivenOperation;
  /** Creates a worker: a queue of work in this process. */
  worker<
    Input,
    Result extends OperationResult<C, Kind>,
    Kind extends OperationKind<C> = OperationKind<C>,
  >(options: WorkerOf<C, Kind, Input, Result>): Worker<Input, Result>;
  /** Returns a queue of the gateway, whose tickets this producer serves. Throws if its gateway has no queues. */
  queue(name: string): ProducerQueue;
  /**
   * Closes the producer. The producer accepts no new work, and cancels waiting work and aborts running work
   * with `shutting_down`. The work may take up to `closingFlushMs` to end, and delivering its last reports may
   * take as long again. Never rejects. A second call waits for the first.
   */
  close(): Promise<void>;
}

/** Queue of the gateway, as its workers see it. */
export interface ProducerQueue {
  /**
   * Serves tickets until the worker is closed: claims them, keeps their leases while `job` runs, and finishes each as its job
   * returns, or fails it as its job throws. When the process gets SIGTERM, the tickets go back to their places.
   */
  work(options: QueueWorkOptions, job: TicketJob): QueueWork;
}

/**
 * Number of ended operations that are kept, so that commands to them are still answered and they can be
 * retried.
 */
const endedKept = 200;

/**
 * Creates a producer. The producer calls the gateway only once it has work.
 *
 * The types come from a contract: `createProducer<typeof contract>({gateway})`, or `createProducer({gateway,
 * contract})`. The producer itself does not check data against the contract; the gateway does. If the gateway
 * refuses a result, the operation fails.
 */
export function createProducer<C extends AnyFormOfContract = AnyContract>(
  options: ProducerOptions & { readonly contract?: C & DefinedContract },
): Producer<ContractOf<C>> {
  // The implementation uses plain names for kinds and unknown inputs. The returned type has the types of the
  // caller's contract.
  return new ProducerOf(options) as unknown as Producer<ContractOf<C>>;
}

class ProducerOf implements Producer {
  readonly id: string;
  readonly clock: Clock;
  readonly #reporting: ReporterOptions;
  readonly #commands: CommandLoop;
  readonly #operations = new Map<string, TrackedOperation>();
  /** Functions that release the command loop, one for each operation that has not ended. */
  readonly #holds = new Map<TrackedOperation, Cancel>();
  readonly #ended = new Set<TrackedOperation>();
  readonly #queueGateway: Partial<QueueGateway>;
  readonly #queueWork = new Set<QueueWork>();
  readonly #workers: { callOffWaiting(error: MilepostError): void }[] = [];
  readonly #onForeignCommand: ((command: PendingCommand) => void) | undefined;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ProducerOptions) {
    const random = options.random ?? systemRandom;
    this.clock = options.clock ?? systemClock;
    const onProblem = harmless(options.onProblem ?? warnOfProblem);
    this.id = producerIdOf(options, onProblem) ?? `producer-${random.id(12)}`;
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
    this.#queueGateway = options.gateway;
    this.#commands = new CommandLoop({
      gateway: options.gateway,
      clock: this.clock,
      random,
      producerId: this.id,
      onProblem,
      deliver: (command) => this.#deliver(command),
    });
    this.#onForeignCommand = options.onForeignCommand;
    if (this.#onForeignCommand !== undefined) this.#commands.hold();
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
      throw new MilepostError("shutting_down", "the producer is closed; create another one");
    }
    const operation = this.track(options, { retryable: () => false });
    const signal = signalOf(options, operation);
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
    const { id: operationId, created } = operation;
    return { operationId, created, finished, delivered };
  }

  drive(options: DriveOptions): DrivenOperation {
    if (this.isClosed) {
      throw new MilepostError("shutting_down", "the producer is closed; create another one");
    }
    const { isStillMine } = options;
    const claiming = {
      ...this.#reporting,
      claims: true,
      ...(isStillMine === undefined ? {} : { isStillMine }),
    };
    const operation = this.track(options, { retryable: () => true }, claiming);
    return new OperationDrive(this, operation);
  }

  worker<Input, Result>(options: WorkerOptions<Input, Result>): Worker<Input, Result> {
    const worker = new QueueWorker(this, options);
    this.#workers.push(worker);
    // The loop also runs while no work runs, because an ended operation may receive a retry command.
    this.#commands.hold();
    return worker;
  }

  queue(name: string): ProducerQueue {
    const gateway = this.#queueGateway;
    if (!hasQueues(gateway)) {
      throw new MilepostError("not_supported", "this gateway has no queues; use httpGateway");
    }
    const { clock, random, onProblem } = this.#reporting;
    return {
      work: (options, job) => {
        if (this.isClosed) {
          throw new MilepostError("shutting_down", "the producer is closed; create another one");
        }
        const host = {
          gateway,
          clock,
          random,
          onProblem,
          adopt: (ticket: ClaimedTicket) => this.#adopt(ticket),
          ended: (operation: TrackedOperation) => this.ended(operation),
        };
        const work = new TicketWorker(host, name, { worker: this.id, ...options }, job);
        this.#queueWork.add(work);
        closeOnSigterm(work);
        return work;
      },
    };
  }

  #adopt({ queue, operation_id = "", operation_lease, attempt }: ClaimedTicket): TrackedOperation {
    const operation = this.track(
      { kind: queue, operationId: operation_id },
      { retryable: () => false },
    );
    if (operation_lease !== undefined) operation.takeUp(operation_lease, attempt);
    return operation;
  }

  #deliver(command: PendingCommand): boolean {
    const operation = this.#operations.get(command.operation_id);
    const listener = this.#onForeignCommand;
    if (listener === undefined || operation?.phase === "running") {
      return operation?.command(command) ?? false;
    }
    listener(command);
    return false;
  }

  track(spec: WorkSpec, hooks: WorkHooks, reporting = this.#reporting): TrackedOperation {
    const { runAgain } = hooks;
    const operation: TrackedOperation = new TrackedOperation(reporting, this.id, spec, {
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

  forget(operation: TrackedOperation): void {
    this.ended(operation);
    this.#ended.delete(operation);
    if (this.#operations.get(operation.id) === operation) this.#operations.delete(operation.id);
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
    await Promise.all([...this.#queueWork].map((work) => work.close()));
    for (const operation of this.#holds.keys()) operation.abort(error);
    await this.#idle();
    this.#commands.close();
    for (const operation of this.#holds.keys()) operation.reporter.stop("the producer was closed");
    await Promise.all([...this.#ended].map((operation) => operation.delivered));
  }

  /** Resolves when all operations have ended, at the latest after `closingFlushMs`. */
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

function hasQueues(gateway: Partial<QueueGateway>): gateway is QueueGateway {
  return gateway.claimTicket !== undefined && gateway.failTicket !== undefined;
}

/** Gives the tickets of a worker back when the process is asked to end. If nobody else listens, the process ends then. */
function closeOnSigterm(work: QueueWork): void {
  const onSignal = () => {
    void work.close().then(() => {
      if (process.listenerCount("SIGTERM") === 0) process.kill(process.pid, "SIGTERM");
    });
  };
  process.once("SIGTERM", onSignal);
  void work.closed.then(() => process.off("SIGTERM", onSignal));
}

/** Returns the signal of the caller; undefined, with a complaint, for a value that is no signal. */
function signalOf(options: unknown, { reporter }: TrackedOperation): AbortSignal | undefined {
  const signal = fieldOf(options, "signal");
  if (signal === undefined || signal === null) return undefined;
  if (typeof fieldOf(signal, "addEventListener") === "function") return signal as AbortSignal;
  const message = "signal is not an AbortSignal and was ignored";
  reporter.complain([{ field: "signal", message }], "created");
  return undefined;
}

/** Returns the producer's own id; undefined if there is none, or none that the gateway takes. */
function producerIdOf(
  { producerId }: ProducerOptions,
  onProblem: ProblemListener,
): string | undefined {
  if (producerId === undefined) return undefined;
  if (identifierOf(200)(producerId).ok) return producerId;
  onProblem({
    operationId: undefined,
    code: "bad_message",
    message:
      "producerId is not a text of 1 to 200 characters of well-formed Unicode; a random id is used",
    effect: "dropped",
  });
  return undefined;
}

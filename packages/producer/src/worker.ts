import type { StepPlan } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import type { Clock } from "./clock.ts";
import { estimateWaits, MeanDuration } from "./estimated-waits.ts";
import type { Operation } from "./operation.ts";
import { type Outcome, saysRetryable } from "./outcome.ts";
import type { TrackedOperation, WorkHooks, WorkSpec } from "./tracked-operation.ts";

/** Options of a worker: the kind of work that it does, and how many jobs it runs at once. */
export interface WorkerOptions<Input, Result> {
  readonly kind: string;
  readonly run: (operation: Operation, input: Input) => Promise<Result>;
  /** Number of jobs that run at the same time. Default: 1. */
  readonly concurrency?: number;
  readonly title?: string | ((input: Input) => string);
  readonly steps?: readonly StepPlan[];
  /**
   * True if a person may run the work again after this error. Default: the error's own `retryable`, otherwise
   * true. If the function throws, the work may not be run again.
   */
  readonly retryable?: boolean | ((error: unknown) => boolean);
  /** Returns the part of the input that subscribers of the operation can see. Default: nothing. */
  readonly shownInput?: (input: Input) => unknown;
  readonly leaseMs?: number;
}

/** Work to submit to a worker: its input and options. */
export interface Submission<Input> {
  readonly input: Input;
  readonly session?: string;
  readonly user?: string;
  /** Id of the collection that the work belongs to. The API key must be able to publish to `collection:{id}`. */
  readonly collection?: string;
  /** Any other channel that the work belongs to, under the same condition. */
  readonly belongsTo?: string;
  readonly title?: string;
  readonly operationId?: string;
}

/** Handle of work that was submitted to a worker. */
export interface Submitted<Result> {
  readonly operationId: string;
  /**
   * Resolves to true once the gateway has the operation, and to false if reporting stops before. Never rejects.
   */
  readonly created: Promise<boolean>;
  /** Resolves to the outcome of the first attempt; never rejects. */
  readonly finished: Promise<Outcome<Result>>;
}

/**
 * Queue of work in this process, with a limited number of jobs that run at once.
 *
 * Work that cannot begin at once waits. For waiting work the worker reports the queue position and the length
 * of the queue whenever either changes. Once a run has succeeded, it also reports an estimated wait, from the
 * mean duration. Waiting work can be cancelled. Work that failed or was cancelled can be run again: it joins
 * the end of the queue as the next attempt.
 *
 * A worker waits for commands until its producer is closed, and this keeps the process alive.
 */
export interface Worker<Input, Result> {
  /** Adds work to the queue. Throws `shutting_down` once the producer is closed. */
  submit(submission: Submission<Input>): Submitted<Result>;
  readonly running: number;
  readonly waiting: number;
}

/** The functions of a producer that a worker uses. */
export interface WorkerHost {
  readonly clock: Clock;
  readonly isClosed: boolean;
  track(spec: WorkSpec, hooks: WorkHooks): TrackedOperation;
  /** Tells the producer that an operation has ended. The worker calls it each time an operation ends. */
  ended(operation: TrackedOperation): void;
}

interface Item<Input, Result> {
  readonly operation: TrackedOperation;
  readonly input: Input;
  readonly finish: (outcome: Outcome<Result>) => void;
  startedAt: number;
  place: string;
}

const durationsKept = 20;

/** Implementation of {@link Worker}: the queue and its running jobs. */
export class QueueWorker<Input, Result> implements Worker<Input, Result> {
  readonly #host: WorkerHost;
  readonly #options: WorkerOptions<Input, Result>;
  readonly #concurrency: number;
  readonly #queue: Item<Input, Result>[] = [];
  readonly #running = new Set<Item<Input, Result>>();
  readonly #durations = new MeanDuration(durationsKept);

  constructor(host: WorkerHost, options: WorkerOptions<Input, Result>) {
    this.#host = host;
    this.#options = options;
    this.#concurrency = Math.max(1, Math.floor(options.concurrency ?? 1));
  }

  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  submit(submission: Submission<Input>): Submitted<Result> {
    if (this.#host.isClosed) {
      throw new MilepostError(
        "shutting_down",
        "the producer is closed; submit the work to another one",
      );
    }
    const { promise, resolve } = pending<Outcome<Result>>();
    const operation = this.#host.track(this.#spec(submission), {
      retryable: (error) => this.#isRetryable(error),
      leaveLine: () => this.#leave(item, "cancelled on request"),
      runAgain: () => this.#join(item),
    });
    const item: Item<Input, Result> = {
      operation,
      input: submission.input,
      finish: resolve,
      startedAt: 0,
      place: "",
    };
    this.#join(item);
    return { operationId: operation.id, created: operation.created, finished: promise };
  }

  /** Cancels all waiting work with this error. */
  callOffWaiting(error: MilepostError): void {
    for (const item of this.#queue.splice(0)) {
      item.finish(item.operation.callOff(error));
      this.#host.ended(item.operation);
    }
  }

  /**
   * Returns the description of the work. Its fields are read where they are made valid, so a function or a getter
   * that throws costs its field and not the submission.
   */
  #spec(submission: Submission<Input>): WorkSpec {
    const options = this.#options;
    return {
      kind: options.kind,
      get title() {
        if (submission.title !== undefined) return submission.title;
        return typeof options.title === "function"
          ? options.title(submission.input)
          : options.title;
      },
      get session() {
        return submission.session;
      },
      get user() {
        return submission.user;
      },
      get collection() {
        return submission.collection;
      },
      get belongsTo() {
        return submission.belongsTo;
      },
      get steps() {
        return options.steps;
      },
      get input() {
        return options.shownInput?.(submission.input);
      },
      get operationId() {
        return submission.operationId;
      },
      get leaseMs() {
        return options.leaseMs;
      },
    } as WorkSpec;
  }

  #isRetryable(error: unknown): boolean {
    const { retryable = saysRetryable(error) ?? true } = this.#options;
    return typeof retryable === "function" ? retryable(error) : retryable;
  }

  #join(item: Item<Input, Result>): void {
    item.place = "";
    this.#queue.push(item);
    this.#advance();
  }

  #leave(item: Item<Input, Result>, reason: string): void {
    const index = this.#queue.indexOf(item);
    if (index < 0) return;
    this.#queue.splice(index, 1);
    const error = new MilepostError("cancelled", reason);
    // The callback runs in a microtask, because the operation reports its own end later in this call stack.
    queueMicrotask(() => {
      item.finish({ status: "cancelled", error });
      this.#host.ended(item.operation);
    });
    this.#reportPositions();
  }

  #advance(): void {
    while (this.#running.size < this.#concurrency) {
      const item = this.#queue.shift();
      if (!item) break;
      this.#running.add(item);
      void this.#work(item);
    }
    this.#reportPositions();
  }

  async #work(item: Item<Input, Result>): Promise<void> {
    const { clock } = this.#host;
    item.startedAt = clock.monotonic();
    const outcome = await item.operation.run(async (operation) =>
      this.#options.run(operation, item.input),
    );
    this.#running.delete(item);
    if (outcome.status === "done") this.#durations.add(clock.monotonic() - item.startedAt);
    item.finish(outcome);
    this.#host.ended(item.operation);
    this.#advance();
  }

  #reportPositions(): void {
    const total = this.#queue.length;
    if (total === 0) return;
    const now = this.#host.clock.monotonic();
    const elapsed = [...this.#running].map(({ startedAt }) => now - startedAt);
    const mean = this.#durations.ms;
    const waits = mean === undefined ? [] : estimateWaits(total, this.#concurrency, elapsed, mean);
    for (const [index, item] of this.#queue.entries()) {
      const place = `${index + 1}/${total}`;
      if (item.place === place) continue;
      item.place = place;
      const wait = waits[index];
      item.operation.waiting({
        position: index + 1,
        total,
        ...(wait === undefined ? {} : { estimated_wait_ms: wait }),
      });
    }
  }
}

function pending<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

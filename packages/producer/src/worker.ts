import type { StepPlan } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import type { Clock } from "./clock.ts";
import { estimateWaits, MeanDuration } from "./estimated-waits.ts";
import type { Operation } from "./operation.ts";
import { type Outcome, saysRetryable } from "./outcome.ts";
import type { TrackedOperation, WorkHooks, WorkSpec } from "./tracked-operation.ts";

/** What a worker does, and how much of it at once. */
export interface WorkerOptions<Input, Result> {
  readonly kind: string;
  readonly run: (operation: Operation, input: Input) => Promise<Result>;
  /** How many run at the same time; 1 when absent. */
  readonly concurrency?: number;
  readonly title?: string | ((input: Input) => string);
  readonly steps?: readonly StepPlan[];
  /**
   * Whether a person may run it again after this error. When absent: what the error's own `retryable` says, else
   * yes. A function that throws says no.
   */
  readonly retryable?: boolean | ((error: unknown) => boolean);
  /** What watchers see of the input; nothing when absent. */
  readonly shownInput?: (input: Input) => unknown;
  readonly leaseMs?: number;
}

/** Work to be done. */
export interface Submission<Input> {
  readonly input: Input;
  readonly session?: string;
  readonly user?: string;
  readonly title?: string;
  readonly operationId?: string;
}

/** Work that was taken in. */
export interface Submitted<Result> {
  readonly operationId: string;
  /** How its first attempt ended; never rejects. */
  readonly finished: Promise<Outcome<Result>>;
}

/**
 * A waiting line in this process.
 *
 * What cannot begin at once waits; everyone in line is told their place, the length of the line and, once
 * the first run has ended, an estimate from the mean duration, whenever place or length changes. Work
 * that waits can be cancelled. Work that failed or was cancelled can be run again: it joins the line's
 * end as the next attempt.
 *
 * A worker waits for commands until its producer is closed, and that keeps the process alive.
 */
export interface Worker<Input, Result> {
  /** Throws `shutting_down` once the producer is closed. */
  submit(submission: Submission<Input>): Submitted<Result>;
  readonly running: number;
  readonly waiting: number;
}

/** What a worker needs of its producer. */
export interface WorkerHost {
  readonly clock: Clock;
  readonly isClosed: boolean;
  track(spec: WorkSpec, hooks: WorkHooks): TrackedOperation;
  /** To be called whenever tracked work has ended. */
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

/** The line itself; producers hand it out as {@link Worker}. */
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
      throw new MilepostError("shutting_down", "the producer is closed; submit to another one");
    }
    const { promise, resolve } = pending<Outcome<Result>>();
    const operation = this.#host.track(this.#spec(submission), {
      retryable: (error) => this.#isRetryable(error),
      leaveLine: () => this.#leave(item, "a person cancelled it"),
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
    return { operationId: operation.id, finished: promise };
  }

  /** Calls off everything that waits. */
  callOffWaiting(error: MilepostError): void {
    for (const item of this.#queue.splice(0)) {
      item.finish(item.operation.callOff(error));
      this.#host.ended(item.operation);
    }
  }

  #spec({ input, session, user, title, operationId }: Submission<Input>): WorkSpec {
    const { kind, steps, shownInput, leaseMs } = this.#options;
    const ownTitle =
      typeof this.#options.title === "function" ? this.#options.title(input) : this.#options.title;
    const shownTitle = title ?? ownTitle;
    return {
      kind,
      ...(shownTitle === undefined ? {} : { title: shownTitle }),
      ...(session === undefined ? {} : { session }),
      ...(user === undefined ? {} : { user }),
      ...(steps === undefined ? {} : { steps }),
      ...(shownInput === undefined ? {} : { input: shownInput(input) }),
      ...(operationId === undefined ? {} : { operationId }),
      ...(leaseMs === undefined ? {} : { leaseMs }),
    };
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
    // Not in this stack: the operation itself is about to report how it ended.
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

import type { OperationEvents } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import type { Operation } from "./operation.ts";
import type { TrackedOperation, WorkSpec } from "./tracked-operation.ts";

/**
 * Operation whose attempts another system runs, for instance a job queue: the caller says when each begins and how it ends.
 * Other processes may drive the same operation at other times. Whoever began last reports; the others' reports are refused.
 *
 * No method waits or throws because of the gateway.
 */
export interface DrivenOperation {
  readonly id: string;
  /** Resolves to true once the gateway has the operation, and to false if reporting stops before. Never rejects. */
  readonly created: Promise<boolean>;
  /** Reports the place of work that waits. */
  waiting(place: OperationEvents["waiting"]): void;
  /** Begins an attempt, counted from 1, and returns the handle on which its work reports. Call it once. */
  start(attempt: number): Operation;
  /** Ends the operation as `done`, once it has begun. */
  finish(result: unknown): void;
  /** Ends the operation as `failed`, or as `cancelled` if the signal of the handle was aborted. */
  fail(error: unknown): void;
  /** Aborts the signal of the handle, as a `cancel` command does. The work then ends with {@link DrivenOperation.fail}. */
  abort(reason: string): void;
  /**
   * Delivers what was reported and reports nothing more, so that another process can go on. The operation does not end.
   * Resolves as {@link DrivenOperation.delivered}.
   */
  release(): Promise<boolean>;
  /**
   * Resolves to true once everything that was reported up to the end has reached the gateway, or to false if something did
   * not. Settles at most `closingFlushMs` after the end or the release. Never rejects.
   */
  readonly delivered: Promise<boolean>;
}

/** Options of {@link Producer.drive}. */
export interface DriveOptions extends WorkSpec {
  /**
   * Asked when another process has taken the operation over: resolves to true if its work is still this process's, which
   * then takes it back. Default: it is not, and the signal of the handle aborts with `stale_lease`.
   */
  readonly isStillMine?: () => Promise<boolean>;
}

/** Functions of a producer that a driven operation uses. */
export interface DrivenHost {
  ended(operation: TrackedOperation): void;
  /** Passes no further commands to an operation that another process drives from now on. */
  forget(operation: TrackedOperation): void;
}

/** Functions that end the attempt that runs. */
interface AttemptEnd {
  finish(result: unknown): void;
  fail(error: unknown): void;
}

/** Implementation of {@link DrivenOperation} over one tracked operation, whose job ends as the caller says. */
export class OperationDrive implements DrivenOperation {
  readonly #host: DrivenHost;
  readonly #operation: TrackedOperation;
  #settle: AttemptEnd | undefined;
  #isOver = false;
  readonly delivered: Promise<boolean>;
  #resolveDelivered: (delivered: boolean | Promise<boolean>) => void = () => {};

  constructor(host: DrivenHost, operation: TrackedOperation) {
    this.#host = host;
    this.#operation = operation;
    this.delivered = new Promise((resolve) => {
      this.#resolveDelivered = resolve;
    });
  }

  get id(): string {
    return this.#operation.id;
  }

  get created(): Promise<boolean> {
    return this.#operation.created;
  }

  waiting(place: OperationEvents["waiting"]): void {
    if (!this.#isOver) this.#operation.waiting(place);
  }

  start(attempt: number): Operation {
    let operation: Operation | undefined;
    this.#operation.begin(attempt);
    const finished = this.#operation.run((handle) => {
      operation = handle;
      return new Promise<unknown>((resolve, reject) => {
        this.#settle = { finish: resolve, fail: reject };
      });
    });
    void finished.then(() => this.#end());
    // A tracked operation calls its job before it first waits, unless its signal was aborted before.
    return operation as unknown as Operation;
  }

  finish(result: unknown): void {
    this.#over()?.finish(result);
  }

  fail(error: unknown): void {
    this.#over()?.fail(error);
  }

  abort(reason: string): void {
    this.#operation.abort(new MilepostError("cancelled", reason));
  }

  release(): Promise<boolean> {
    if (this.#isOver) return this.delivered;
    this.#isOver = true;
    this.#host.forget(this.#operation);
    this.#resolveDelivered(this.#operation.reporter.close());
    return this.delivered;
  }

  #over(): AttemptEnd | undefined {
    if (this.#isOver || this.#settle === undefined) return undefined;
    this.#isOver = true;
    return this.#settle;
  }

  #end(): void {
    this.#host.ended(this.#operation);
    this.#resolveDelivered(this.#operation.delivered);
  }
}

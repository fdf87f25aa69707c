import type { ClaimedTicket, QueueGateway } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";
import { backoffMs } from "./backoff.ts";
import type { Cancel, Clock } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import type { Operation } from "./operation.ts";
import type { Outcome } from "./outcome.ts";
import { asMilepostError, type ProblemListener } from "./problem.ts";
import type { Random } from "./random.ts";
import type { TrackedOperation } from "./tracked-operation.ts";

/** Options of a worker of a queue. */
export interface QueueWorkOptions {
  /** Name of the worker. Default: the id of the producer. */
  readonly worker?: string;
  /** Number of tickets that are served at the same time. Default: 1. */
  readonly concurrency?: number;
  /** Lease of each ticket, in milliseconds; it is extended every third of it. Default: 30,000. */
  readonly leaseMs?: number;
}

/** A ticket that this worker serves. */
export interface ServedTicket extends ClaimedTicket {
  /** Aborts when the work must stop: the worker closes, another worker has the ticket, or the operation was cancelled. */
  readonly signal: AbortSignal;
}

/** Work on one ticket. `operation` reports on the ticket's operation; undefined where the ticket is none. */
export type TicketJob = (
  ticket: ServedTicket,
  operation: Operation | undefined,
) => Promise<unknown>;

/** A worker that serves a queue until it is closed. */
export interface QueueWork extends AsyncDisposable {
  readonly running: number;
  /** Resolves once the worker has been closed and serves nothing any more. */
  readonly closed: Promise<void>;
  /** Stops claiming, aborts the work and gives the tickets back to their places. Never rejects. */
  close(): Promise<void>;
}

/** Functions of a producer that a {@link TicketWorker} uses. */
export interface TicketWorkerHost {
  readonly gateway: QueueGateway;
  readonly clock: Clock;
  readonly random: Random;
  readonly onProblem: ProblemListener;
  /** Reports on an operation whose lease came with a ticket. */
  readonly adopt: (ticket: ClaimedTicket) => TrackedOperation;
  readonly ended: (operation: TrackedOperation) => void;
}

const waitMs = 25_000;
const callMs = 10_000;
const retry = { baseMs: 250, capMs: 15_000 };
/** Time for which the end of a ticket is tried to be delivered, beyond its lease, in milliseconds. */
const endBeyondMs = 30_000;

/** Claims tickets of a queue, keeps their leases while the work runs, and ends them with it. */
export class TicketWorker implements QueueWork {
  readonly #host: TicketWorkerHost;
  readonly #queue: string;
  readonly #worker: string;
  readonly #leaseMs: number;
  readonly #slots: number;
  readonly #job: TicketJob;
  readonly #closing = new AbortController();
  readonly #loops: Promise<void>;
  #running = 0;

  constructor(host: TicketWorkerHost, queue: string, options: QueueWorkOptions, job: TicketJob) {
    this.#host = host;
    this.#queue = queue;
    this.#worker = options.worker ?? `worker-${host.random.id(12)}`;
    this.#leaseMs = options.leaseMs ?? 30_000;
    this.#slots = Math.max(1, Math.floor(options.concurrency ?? 1));
    this.#job = job;
    this.#loops = Promise.all(Array.from({ length: this.#slots }, () => this.#serve())).then(
      () => {},
    );
  }

  get closed(): Promise<void> {
    return this.#loops;
  }

  get running(): number {
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closing.abort(new MilepostError("shutting_down", "the worker is closing"));
    await this.#loops;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const ticket = await this.#claim();
      if (ticket === undefined) continue;
      this.#running++;
      await this.#work(ticket);
      this.#running--;
    }
  }

  /** Claims one ticket. A claim whose answer was lost is repeated with its id, so that no ticket is held by nobody. */
  async #claim(): Promise<ClaimedTicket | undefined> {
    const { gateway, random } = this.#host;
    const input = {
      worker: this.#worker,
      lease_ms: this.#leaseMs,
      slots: this.#slots,
      claim_id: `claim-${random.id(16)}`,
    };
    const { signal } = this.#closing;
    for (let failures = 0; ; failures++) {
      try {
        return await this.#timed(
          (each) => gateway.claimTicket(this.#queue, input, waitMs, each),
          waitMs + callMs,
          signal,
        );
      } catch (thrown) {
        // A claim that was on its way when the worker closed may have got a ticket. Its lease ends by itself.
        if (signal.aborted) return undefined;
        await this.#pause(asMilepostError(thrown), failures, "claim a ticket");
      }
    }
  }

  async #work(ticket: ClaimedTicket): Promise<void> {
    const { clock } = this.#host;
    const stopping = new AbortController();
    const stop = (reason: unknown) => stopping.abort(reason);
    const onClose = () => stop(this.#closing.signal.reason);
    this.#closing.signal.addEventListener("abort", onClose, { once: true });
    const keep = new LeaseKeeper(clock, this.#leaseMs, {
      extend: () =>
        this.#timed(
          (each) =>
            this.#host.gateway.extendTicket(
              this.#queue,
              ticket.id,
              { fence: ticket.lease.fence, lease_ms: this.#leaseMs },
              each,
            ),
          callMs,
        ),
      onLost: stop,
    });
    const outcome = await this.#run(ticket, stopping.signal);
    keep.stop();
    this.#closing.signal.removeEventListener("abort", onClose);
    if (!keep.isLost) await this.#end(ticket, outcome, this.#closing.signal.aborted);
  }

  async #run(ticket: ClaimedTicket, signal: AbortSignal): Promise<Outcome<unknown>> {
    if (ticket.operation_lease === undefined) {
      try {
        signal.throwIfAborted();
        return { status: "done", result: await this.#job({ ...ticket, signal }, undefined) };
      } catch (error) {
        return { status: "failed", error };
      }
    }
    const operation = this.#host.adopt(ticket);
    const onStop = () => operation.abort(asMilepostError(signal.reason));
    signal.addEventListener("abort", onStop, { once: true });
    if (signal.aborted) onStop();
    const outcome = await operation.run(async (handle) => {
      try {
        handle.signal.throwIfAborted();
        const both = AbortSignal.any([signal, handle.signal]);
        return await this.#job({ ...ticket, signal: both }, handle);
      } catch (error) {
        // The ticket goes back or is another worker's, so this one does not say that the operation has ended.
        if (signal.aborted) operation.reporter.stop("the ticket is no longer served here");
        throw error;
      }
    });
    signal.removeEventListener("abort", onStop);
    await operation.delivered;
    this.#host.ended(operation);
    return outcome;
  }

  /** Ends a ticket as its work has ended; one whose work was stopped by the end of the worker goes back to its place. */
  async #end(
    { id, lease }: ClaimedTicket,
    outcome: Outcome<unknown>,
    closes: boolean,
  ): Promise<void> {
    const { gateway, clock } = this.#host;
    const { fence } = lease;
    const until = clock.monotonic() + this.#leaseMs + endBeyondMs;
    const call = (each: AbortSignal) => {
      if (outcome.status === "done") return gateway.finishTicket(this.#queue, id, { fence }, each);
      const error = outcome.error;
      const reason =
        (error instanceof Error ? error.message : String(error)).slice(0, 500) || "failed";
      return gateway.failTicket(this.#queue, id, { fence, reason, give_back: closes }, each);
    };
    for (let failures = 0; ; failures++) {
      try {
        await this.#timed(call, callMs);
        return;
      } catch (thrown) {
        const error = asMilepostError(thrown);
        // The ticket is another worker's already, or its lease will return it to its place.
        if (!error.retryable || clock.monotonic() > until || (closes && failures >= 3)) {
          if (error.code !== "stale_lease") this.#tell(error, "end a ticket", "dropped");
          return;
        }
        await this.#pause(error, failures, "end a ticket");
      }
    }
  }

  #timed<T>(
    call: (signal: AbortSignal) => Promise<T>,
    ms: number,
    signal?: AbortSignal,
  ): Promise<T> {
    return withDeadline(this.#host.clock, ms, call, signal);
  }

  async #pause(error: MilepostError, failures: number, what: string): Promise<void> {
    const { clock, random } = this.#host;
    if (failures === 0) this.#tell(error, what, "retrying");
    const delayMs = backoffMs(failures + 1, retry, random, error.retryAfterMs);
    const { signal } = this.#closing;
    await new Promise<void>((resolve) => {
      let cancel: Cancel = () => {};
      const end = () => {
        cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      cancel = clock.after(Math.min(delayMs, signal.aborted ? 500 : delayMs), end);
      if (!signal.aborted) signal.addEventListener("abort", end, { once: true });
    });
  }

  #tell(error: MilepostError, what: string, effect: "retrying" | "dropped"): void {
    const message = `queue ${this.#queue}: could not ${what}: ${error.message}`;
    this.#host.onProblem({ operationId: undefined, code: error.code, message, effect });
  }
}

/** Extends a lease every third of it, and tells when it is lost. */
class LeaseKeeper {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #does: {
    readonly extend: () => Promise<unknown>;
    readonly onLost: (error: MilepostError) => void;
  };
  #cancel: Cancel = () => {};
  #isStopped = false;
  isLost = false;

  constructor(
    clock: Clock,
    leaseMs: number,
    does: {
      readonly extend: () => Promise<unknown>;
      readonly onLost: (error: MilepostError) => void;
    },
  ) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#does = does;
    this.#next();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #next(): void {
    if (this.#isStopped) return;
    this.#cancel = this.#clock.after(this.#leaseMs / 3, () => void this.#extend());
  }

  async #extend(): Promise<void> {
    try {
      await this.#does.extend();
    } catch (thrown) {
      const error = asMilepostError(thrown);
      // A gateway or store that is away takes no lease from a worker for a while, so the work goes on.
      if (!error.retryable) {
        this.isLost = true;
        this.#isStopped = true;
        this.#does.onLost(error);
      }
    }
    this.#next();
  }
}

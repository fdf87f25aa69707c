import type { DrivenOperation, Operation, Producer, WorkSpec } from "@milepost/producer";
import type { Job, Queue, Worker } from "bullmq";
import type { Parents } from "./parents.ts";
import { reportProgress } from "./progress.ts";

/** Parts that {@link RunningJobs} needs. */
export interface RunningJobsParts {
  readonly producer: Producer;
  readonly queue: Queue;
  readonly parents: Parents;
  readonly describe: (job: Job) => WorkSpec | undefined;
  /** Lease of the operations of running jobs, in milliseconds; undefined for the lock of the worker. */
  readonly leaseMs: number | undefined;
  readonly onError: (error: unknown) => void;
  /** Returns the reason for which a job is to be cancelled; undefined if it is not. */
  readonly cancelReason: (jobId: string) => Promise<string | undefined>;
}

interface RunningJob {
  readonly job: Job;
  readonly worker: Worker;
  readonly driven: DrivenOperation;
  readonly operation: Operation;
  /** True if the job did not run any more at the latest look at it. */
  hasStopped: boolean;
}

/** The jobs that the workers of this process run, each reported as one attempt of its operation. */
export class RunningJobs {
  readonly #parts: RunningJobsParts;
  readonly #running = new Map<string, RunningJob>();
  /** Workers that are open, each with the function that takes the listeners from it. */
  readonly #workers = new Map<Worker, () => void>();
  #isClosed = false;

  constructor(parts: RunningJobsParts) {
    this.#parts = parts;
  }

  /** Returns the handle of a job that runs here; undefined for one that is not shown. */
  operation(job: Job): Operation | undefined {
    return this.#running.get(job.id ?? "")?.operation;
  }

  has(jobId: string): boolean {
    return this.#running.has(jobId);
  }

  /** Reports on the jobs of a worker from now on. */
  attach(worker: Worker): void {
    if (this.#workers.has(worker)) return;
    const listeners = {
      active: (job: Job) => this.#start(worker, job),
      progress: (job: Job, progress: unknown) => this.#progress(job, progress),
      completed: (job: Job, result: unknown) => this.#take(job)?.driven.finish(result),
      failed: (job: Job | undefined, error: Error) => this.#failed(job, error),
      closed: () => this.#left(worker),
    };
    const detach = Object.entries(listeners).map(([event, listener]) => {
      // What goes wrong with the reporting is no business of the worker, which would take it for an error of its own.
      const safe = (...args: unknown[]) => {
        try {
          (listener as (...given: unknown[]) => void)(...args);
        } catch (error) {
          this.#parts.onError(error);
        }
      };
      worker.on(event as "closed", safe);
      return () => worker.off(event as "closed", safe);
    });
    this.#workers.set(worker, () => {
      for (const each of detach) each();
    });
  }

  /**
   * Lets go of jobs that run no longer although no event says so, as after `moveToDelayed`, and cancels those that are to be
   * cancelled. Never rejects.
   */
  async sweep(): Promise<void> {
    for (const running of [...this.#running.values()]) {
      const id = running.job.id ?? "";
      try {
        const reason = await this.#parts.cancelReason(id);
        if (reason !== undefined) running.driven.abort(reason);
        const isActive = (await this.#parts.queue.getJobState(id)) === "active";
        // The event that says how the job ended may come just after the first look that finds it ended.
        if (!isActive && running.hasStopped) void this.#release(id, running);
        running.hasStopped = !isActive;
      } catch (error) {
        this.#parts.onError(error);
        return;
      }
    }
  }

  /** Reports nothing more, and delivers what was reported. The jobs go on. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const worker of [...this.#workers.keys()]) this.#detach(worker);
    await Promise.all([...this.#running].map(([id, running]) => this.#release(id, running)));
  }

  #start(worker: Worker, job: Job): void {
    const { producer, parents, describe } = this.#parts;
    const id = job.id ?? "";
    const before = this.#running.get(id);
    if (before !== undefined) void this.#release(id, before);
    if (this.#isClosed) return;
    const spec = describe(job);
    if (spec?.operationId === undefined) return;
    parents.remember(spec.operationId, job);
    const leaseMs = this.#parts.leaseMs ?? worker.opts.lockDuration ?? 30_000;
    const driven = producer.drive({ ...spec, leaseMs, isStillMine: () => this.#isLocked(job) });
    const operation = driven.start(Math.max(1, job.attemptsStarted));
    const running = { job, worker, driven, operation, hasStopped: false };
    this.#running.set(id, running);
    void driven.delivered.then(() => parents.forget(driven.id));
    if (job.stalledCounter > 0) {
      operation.warn("The worker before has stopped; the job begins again", {
        stalled: job.stalledCounter,
      });
    }
    const { signal } = operation;
    const onAbort = () => {
      // Only people and backends cancel jobs: neither a takeover nor the end of the reporting does.
      const { code, message } = signal.reason as {
        readonly code: string;
        readonly message: string;
      };
      if (code === "cancelled") this.#cancelWork(running, message);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    showLog(job, operation);
    // A flow may have been cancelled while this job waited for its children.
    void this.#parts.cancelReason(id).then((reason) => {
      if (reason !== undefined) driven.abort(reason);
    }, this.#parts.onError);
  }

  #progress(job: Job, progress: unknown): void {
    const running = this.#running.get(job.id ?? "");
    if (running !== undefined) reportProgress(running.operation, progress);
  }

  #failed(job: Job | undefined, error: Error): void {
    const running = job === undefined ? undefined : this.#take(job);
    if (job === undefined || running === undefined) return;
    const { driven, operation } = running;
    const willRetry = typeof job.finishedOn !== "number";
    if (!willRetry) {
      driven.fail(error);
      return;
    }
    const { attempts = 1 } = job.opts;
    const rest = job.delay > 0 ? `; again in ${Math.round(job.delay / 1_000)} s` : "";
    operation.warn(`Attempt ${job.attemptsMade} of ${attempts} failed: ${error.message}${rest}`);
    driven.waiting({
      position: 0,
      total: 0,
      ...(job.delay > 0 ? { estimated_wait_ms: job.delay } : {}),
    });
    void driven.release();
  }

  /** True while this worker holds the lock of the job. */
  async #isLocked(job: Job): Promise<boolean> {
    const { queue } = this.#parts;
    const client = await queue.getBackend().client;
    return (await client.get(queue.toKey(`${job.id ?? ""}:lock`))) === job.token;
  }

  /** Aborts the signal of the job's function. The job is not tried again, whatever its attempts. */
  #cancelWork({ job, worker }: RunningJob, reason: string): void {
    job.opts.attempts = 0;
    try {
      worker.cancelJob(job.id ?? "", reason);
    } catch (error) {
      this.#parts.onError(error);
    }
  }

  #take(job: Job): RunningJob | undefined {
    const id = job.id ?? "";
    const running = this.#running.get(id);
    if (running !== undefined) this.#running.delete(id);
    return running;
  }

  /** A worker that was closed by force runs its jobs no longer; another one takes them over. */
  #left(worker: Worker): void {
    this.#detach(worker);
    for (const [id, running] of this.#running) {
      if (running.worker === worker) void this.#release(id, running);
    }
  }

  #detach(worker: Worker): void {
    this.#workers.get(worker)?.();
    this.#workers.delete(worker);
  }

  #release(id: string, running: RunningJob): Promise<boolean> {
    if (this.#running.get(id) === running) this.#running.delete(id);
    return running.driven.release();
  }
}

/** Shows the lines that the job writes with `job.log`. */
function showLog(job: Job, operation: Operation): void {
  const log = job.log.bind(job);
  job.log = (line) => {
    operation.info(String(line));
    return log(line);
  };
}

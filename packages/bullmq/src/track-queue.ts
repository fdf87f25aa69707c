import { randomBytes } from "node:crypto";
import type { ProducerGateway, SteeringGateway } from "@milepost/model";
import { createProducer, type Operation, type ProblemListener } from "@milepost/producer";
import { type ConnectionOptions, type Job, Queue, type Worker } from "bullmq";
import { every } from "./every.ts";
import { cancelReasonOf } from "./job-commands.ts";
import { type DescribeJob, specOf } from "./job-description.ts";
import { LineWatcher, type WatchTiming } from "./line-watcher.ts";
import { operationIdOf } from "./operation-id.ts";
import { Parents, producerIdOf } from "./parents.ts";
import { RunningJobs } from "./running-jobs.ts";

/** Options of {@link trackQueue}. */
export interface TrackOptions {
  /** Gateway to report to: over HTTP (`httpGateway`) or in process (`gateway.operations`). */
  readonly gateway: ProducerGateway & Partial<SteeringGateway>;
  /** Name of the BullMQ queue. */
  readonly queue: string;
  /** Connection to the Redis of the queue, as BullMQ takes it. */
  readonly connection: ConnectionOptions;
  /** Prefix of the queue's keys. Default: `bull`. */
  readonly prefix?: string;
  /** Default: each job is shown, with the queue as its kind and its name as the title, to those who know its operation. */
  readonly describe?: DescribeJob;
  /** False in a process that shall never tell places and delays. Of all others, one does. Default: true. */
  readonly watch?: boolean;
  /** Largest number of jobs that are shown while they wait; further ones are shown as the line moves. Default: 1,000. */
  readonly maxWaiting?: number;
  /** Silence of a worker after which people see its jobs stalled, in milliseconds. Default: its `lockDuration`. */
  readonly leaseMs?: number;
  readonly timing?: Partial<WatchTiming>;
  /** Time limit for delivering the last reports of a job, in milliseconds. Default: 30,000. */
  readonly closingFlushMs?: number;
  /** Called for every problem with the reporting. Default: a process warning. */
  readonly onProblem?: ProblemListener;
}

/** Shows the jobs of one queue as operations. */
export interface TrackedQueue extends AsyncDisposable {
  /** Reports on the jobs that this worker runs. Call it before the worker runs: right after its creation, or with `autorun: false`. */
  attach(worker: Worker): void;
  /** Returns the handle on which the function of a running job reports; undefined for a job that is not shown. */
  operation(job: Job): Operation | undefined;
  /** Returns the id of the operation of a job. A page needs it to show the job that it asked for. */
  operationId(job: Job): string;
  /** True while this process tells the places of the queue. */
  readonly isWatching: boolean;
  /** Delivers what was reported and reports nothing more. Close the workers first. Never rejects. */
  close(): Promise<void>;
}

const defaultTiming: WatchTiming = {
  leaderMs: 10_000,
  sweepMs: 5_000,
  placesMs: 100,
  endMs: 5_000,
};

/**
 * Shows the jobs of a BullMQ queue as operations: those that wait with their places, those that run as their workers report,
 * and all attempts of a job as one operation. Nothing of it makes a job wait or fail.
 */
export function trackQueue(options: TrackOptions): TrackedQueue {
  return new QueueTracker(options);
}

class QueueTracker implements TrackedQueue {
  readonly #queue: Queue;
  readonly #parents: Parents;
  readonly #producer: ReturnType<typeof createProducer>;
  readonly #running: RunningJobs;
  readonly #watcher: LineWatcher | undefined;
  readonly #sweep: NodeJS.Timeout;
  #closing: Promise<void> | undefined;

  constructor(options: TrackOptions) {
    const { connection, prefix = "bull", describe = () => ({}), watch = true } = options;
    const timing = { ...defaultTiming, ...options.timing };
    this.#queue = new Queue(options.queue, { connection, prefix, skipMetasUpdate: true });
    this.#queue.on("error", (error) => onError(error));
    const { qualifiedName } = this.#queue;
    const onProblem = problemsOf(options.onProblem ?? warn);
    let lastError = "";
    const onError = (error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      // A Redis that is away fails every look at it with the same words.
      if (message === lastError || this.#closing !== undefined) return;
      lastError = message;
      onProblem({ operationId: undefined, code: "internal", message, effect: "retrying" });
    };
    this.#parents = new Parents({
      gateway: options.gateway,
      connection,
      describe,
      leaseMs: 60_000,
      onError,
    });
    const { gateway } = this.#parents;
    this.#producer = createProducer({
      gateway,
      producerId: producerIdOf(qualifiedName),
      onProblem,
      closingFlushMs: options.closingFlushMs ?? 30_000,
      onForeignCommand: (command) => this.#watcher?.command(command),
    });
    const describeJob = (job: Job) => specOf(job, describe, onError);
    this.#running = new RunningJobs({
      producer: this.#producer,
      queue: this.#queue,
      parents: this.#parents,
      describe: describeJob,
      leaseMs: options.leaseMs,
      onError,
      cancelReason: (jobId) => cancelReasonOf(this.#queue, jobId),
    });
    this.#sweep = every(Math.min(1_000, timing.sweepMs), () => this.#running.sweep());
    if (watch) {
      this.#watcher = new LineWatcher({
        id: randomBytes(12).toString("base64url"),
        queue: this.#queue,
        connection,
        prefix,
        producer: this.#producer,
        gateway,
        parents: this.#parents,
        describe: describeJob,
        runsHere: (jobId) => this.#running.has(jobId),
        maxWaiting: options.maxWaiting ?? 1_000,
        timing,
        onError,
      });
    }
  }

  get isWatching(): boolean {
    return this.#watcher?.isLeading ?? false;
  }

  attach(worker: Worker): void {
    this.#running.attach(worker);
  }

  operation(job: Job): Operation | undefined {
    return this.#running.operation(job);
  }

  operationId(job: Job): string {
    return operationIdOf(job.queueQualifiedName, job);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#sweep);
    await this.#watcher?.close();
    await this.#running.close();
    await this.#producer.close();
    await this.#parents.close();
    await this.#queue.close().catch(() => {});
  }
}

/** Leaves out what is normal here: that a job goes from one process to another. */
function problemsOf(onProblem: ProblemListener): ProblemListener {
  return (problem) => {
    if (problem.code !== "stale_lease" && problem.code !== "cancelled") onProblem(problem);
  };
}

function warn({ operationId, code, message, effect }: Parameters<ProblemListener>[0]): void {
  const about = operationId === undefined ? "" : ` on operation ${operationId}`;
  process.emitWarning(`reporting${about}: ${message} (${effect})`, {
    type: "MilepostBullMQ",
    code,
  });
}

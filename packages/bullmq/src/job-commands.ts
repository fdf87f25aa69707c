import {
  isFinal,
  type PendingCommand,
  type ProducerGateway,
  type ReportedEvent,
} from "@milepost/model";
import type { WorkSpec } from "@milepost/producer";
import type { Job, Queue } from "bullmq";
import { creationOf } from "./job-description.ts";
import { jobIdOf } from "./operation-id.ts";
import { producerIdOf } from "./parents.ts";

/** Parts that {@link JobCommands} needs. */
export interface JobCommandsParts {
  readonly queue: Queue;
  readonly gateway: ProducerGateway;
  readonly runsHere: (jobId: string) => boolean;
  /** Called when a command has changed a job. */
  readonly changed: (jobId: string) => void;
  readonly onError: (error: unknown) => void;
}

const leaseMs = 30_000;
/** Time for which workers are asked to cancel a job, in milliseconds. */
const cancelMs = 3_600_000;

/** Returns the key under which workers find that a job is to be cancelled, from its own key as in `bull:video:7`. */
function cancelKey(jobKey: string): string {
  const at = jobKey.lastIndexOf(":");
  return `${jobKey.slice(0, at)}:milepost:cancel:${jobKey.slice(at + 1)}`;
}

/** Returns the reason for which somebody wants a job to be cancelled; undefined if nobody does. */
export async function cancelReasonOf(queue: Queue, jobId: string): Promise<string | undefined> {
  const client = await queue.getBackend().client;
  return (await client.get(cancelKey(queue.toKey(jobId)))) ?? undefined;
}

/** Carries out commands to jobs that no worker runs: those that wait, and those that have ended. */
export class JobCommands {
  readonly #parts: JobCommandsParts;
  readonly #running = new Set<string>();
  readonly #flows = new Map<string, () => Promise<boolean>>();

  constructor(parts: JobCommandsParts) {
    this.#parts = parts;
  }

  /** Carries a command out. One that a worker has to answer stays open. Never rejects. */
  async run(command: PendingCommand): Promise<void> {
    const { queue, onError, runsHere } = this.#parts;
    const jobId = jobIdOf(queue.qualifiedName, command.operation_id);
    if (jobId === undefined || runsHere(jobId) || this.#running.has(command.command_id)) return;
    this.#running.add(command.command_id);
    try {
      if (command.command === "cancel") await this.#cancel(command, jobId);
      else if (command.command === "retry") await this.#retry(command, jobId);
    } catch (error) {
      onError(error);
    } finally {
      this.#running.delete(command.command_id);
    }
  }

  /** Begins the next attempt of an operation that has ended for people although its job waits again. */
  async reopen(spec: WorkSpec & { readonly operationId: string }, job: Job): Promise<void> {
    const { gateway, queue } = this.#parts;
    const input = creationOf(spec, producerIdOf(queue.qualifiedName), leaseMs);
    const { operation } = await gateway.create(input);
    if (!isFinal(operation.status)) return;
    await this.#report(
      spec.operationId,
      begin(Math.max(job.attemptsStarted, operation.attempt) + 1),
    );
  }

  /**
   * Cancels a job that waits for its children: removes it with them, and asks the workers of those that run to stop first.
   * `end` is called once the job is gone.
   */
  cancelFlow(job: Job, reason: string, end: (error: Error) => void): void {
    const attempt = async () => {
      const state = await job.getState();
      // Its children may end before they hear of it. Then the worker that begins this job finds that it is cancelled.
      if (state !== "unknown") await this.#ask(this.#parts.queue.toKey(job.id ?? ""), reason);
      if (state === "active") return true;
      if (state !== "unknown" && !(await isRemoved(job))) {
        // Workers run some of its children. Once they have stopped, it can be removed.
        const { unprocessed = [] } = await job.getDependencies({ unprocessed: { count: 1_000 } });
        for (const key of unprocessed) await this.#ask(key, reason);
        return false;
      }
      end(new Error(reason));
      this.#parts.changed(job.id ?? "");
      return true;
    };
    this.#flows.set(job.id ?? "", attempt);
    void this.sweep();
  }

  /** Goes on with flows that could not be cancelled at once. */
  async sweep(): Promise<void> {
    for (const [id, attempt] of [...this.#flows]) {
      const isDone = await attempt().catch((error: unknown) => {
        this.#parts.onError(error);
        return false;
      });
      if (isDone) this.#flows.delete(id);
    }
  }

  /** Asks the worker that runs a job to cancel it, whichever process it is in. */
  async #ask(jobKey: string, reason: string): Promise<void> {
    const client = await this.#parts.queue.getBackend().client;
    await client.set(cancelKey(jobKey), reason, { PX: cancelMs });
  }

  async #cancel(command: PendingCommand, jobId: string): Promise<void> {
    const { queue, changed } = this.#parts;
    const job = await queue.getJob(jobId);
    const state = await job?.getState();
    if (state === "active" || state === "waiting-children") return;
    // A worker that has begun the job gets the command, which nobody has acknowledged.
    if (job !== undefined && !(await isRemoved(job))) return;
    const reason = (command.args as { readonly reason?: unknown } | undefined)?.reason;
    const data = {
      reason: typeof reason === "string" ? reason.slice(0, 500) : "cancelled on request",
    };
    await this.#report(command.operation_id, [
      phase(command, "acknowledged"),
      { event: "cancelled", data },
      phase(command, "done"),
    ]);
    changed(jobId);
  }

  async #retry(command: PendingCommand, jobId: string): Promise<void> {
    const { queue, changed } = this.#parts;
    const job = await queue.getJob(jobId);
    const state = await job?.getState();
    if (job === undefined || state !== "failed") {
      const reason =
        job === undefined
          ? "the job is no longer in its queue; add it again"
          : `the job is ${state}`;
      await this.#report(command.operation_id, [
        phase(command, "acknowledged"),
        phase(command, "refused", reason),
      ]);
      return;
    }
    const attempt = job.attemptsStarted + 1;
    // Whoever retries a job that was cancelled wants it to run.
    const client = await queue.getBackend().client;
    await client.del(cancelKey(queue.toKey(jobId)));
    await job.retry("failed");
    await this.#report(command.operation_id, [
      phase(command, "acknowledged"),
      ...begin(attempt),
      phase(command, "done"),
    ]);
    changed(jobId);
  }

  async #report(operationId: string, events: readonly ReportedEvent[]): Promise<void> {
    const { gateway } = this.#parts;
    const { token } = await gateway.takeOver(operationId, leaseMs);
    await gateway.report(operationId, { lease: token, events });
  }
}

/** Removes a job with its children. Returns false if a worker runs one of them. */
async function isRemoved(job: Job): Promise<boolean> {
  try {
    await job.remove();
    return true;
  } catch (error) {
    if ((await job.getState()) === "unknown") return true;
    if (error instanceof Error && error.message.includes("locked")) return false;
    throw error;
  }
}

function begin(attempt: number): readonly ReportedEvent[] {
  return [
    { event: "started", data: { attempt } },
    { event: "waiting", data: { position: 0, total: 0 } },
  ];
}

function phase(
  { command_id, command }: PendingCommand,
  phase: "acknowledged" | "done" | "refused",
  reason?: string,
): ReportedEvent {
  return {
    event: "command",
    data: { command_id, command, phase, ...(reason === undefined ? {} : { reason }) },
  };
}

import { isFinal, type ProducerGateway, type ReportedEvent } from "@milepost/model";
import type { Producer, WorkSpec } from "@milepost/producer";
import type { Job } from "bullmq";
import { creationOf } from "./job-description.ts";

type Spec = WorkSpec & { readonly operationId: string };

/** End of a job, as far as its queue knows it. */
type End =
  | { readonly how: "completed"; readonly value: unknown }
  | { readonly how: "failed"; readonly value: unknown }
  | { readonly how: "removed" };

/** Parts that {@link EndedJobs} needs. */
export interface EndedJobsParts {
  readonly producer: Producer;
  readonly gateway: ProducerGateway;
  /** Time that a worker has to report the end itself, in milliseconds. */
  readonly endMs: number;
  readonly onError: (error: unknown) => void;
}

const maxKnown = 10_000;
/** Ends that are looked at in one sweep. */
const perSweep = 200;
const leaseMs = 30_000;

/**
 * Reports the ends of jobs whose worker did not: it was killed right after the job ended, the queue gave the job up, or
 * somebody removed it.
 */
export class EndedJobs {
  readonly #parts: EndedJobsParts;
  /** Operations of the jobs that have not ended, since a job that is removed cannot be read. */
  readonly #known = new Map<string, Spec>();
  readonly #events = new Map<string, End>();
  readonly #due = new Map<
    string,
    { readonly spec: Spec; readonly end: End; readonly at: number }
  >();

  constructor(parts: EndedJobsParts) {
    this.#parts = parts;
  }

  /** Notes the operation of a job that has not ended. */
  runs(jobId: string, spec: Spec): void {
    this.#events.delete(jobId);
    this.#due.delete(jobId);
    this.#known.delete(jobId);
    this.#known.set(jobId, spec);
    bound(this.#known);
  }

  /** Notes what an event says of the end, since a job may be removed as it ends. */
  told(jobId: string, how: "completed" | "failed", value: unknown): void {
    if (!this.#known.has(jobId)) return;
    this.#events.set(jobId, { how, value });
    bound(this.#events);
  }

  /** A job has ended, or waits no longer for another attempt. */
  ended(jobId: string, spec: Spec, job: Job, how: "completed" | "failed"): void {
    const value = how === "completed" ? job.returnvalue : job.failedReason;
    this.#add(jobId, spec, { how, value });
  }

  /** A job is no longer in the queue. */
  removed(jobId: string): void {
    const spec = this.#known.get(jobId);
    if (spec !== undefined) this.#add(jobId, spec, this.#events.get(jobId) ?? { how: "removed" });
  }

  clear(): void {
    this.#known.clear();
    this.#events.clear();
    this.#due.clear();
  }

  /** Reports the ends that their workers had the time to report, and did not. */
  async sweep(): Promise<void> {
    const now = performance.now();
    let left = perSweep;
    for (const [jobId, { spec, end, at }] of this.#due) {
      if (at > now || left-- <= 0) return;
      await this.#settle(spec, end);
      this.#due.delete(jobId);
    }
  }

  #add(jobId: string, spec: Spec, end: End): void {
    this.#known.delete(jobId);
    this.#events.delete(jobId);
    if (this.#due.has(jobId)) return;
    this.#due.set(jobId, { spec, end, at: performance.now() + this.#parts.endMs });
    bound(this.#due);
  }

  async #settle(spec: Spec, end: End): Promise<void> {
    const { gateway, producer, onError } = this.#parts;
    const { operationId } = spec;
    try {
      // A repeated create changes nothing, and answers with the operation as it is.
      const { operation } = await gateway.create(creationOf(spec, producer.id, leaseMs));
      if (isFinal(operation.status)) return;
      const { token } = await gateway.takeOver(operationId, leaseMs);
      const key = `end-${operation.attempt}`;
      await gateway.report(operationId, { lease: token, events: [{ ...eventOf(end), key }] });
    } catch (error) {
      if ((error as { retryable?: unknown }).retryable === true) throw error;
      onError(error);
    }
  }
}

function eventOf(end: End): ReportedEvent {
  switch (end.how) {
    case "completed":
      return { event: "done", data: { result: end.value } };
    case "failed": {
      const message = typeof end.value === "string" ? end.value : "the job failed";
      const error = { code: "job_failed", message: message.slice(0, 1_000), retryable: true };
      return { event: "failed", data: { error } };
    }
    case "removed":
      return { event: "cancelled", data: { reason: "the job was removed from its queue" } };
  }
}

function bound(map: Map<string, unknown>): void {
  if (map.size <= maxKnown) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}

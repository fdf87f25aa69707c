import type { CreateOperation, ProducerGateway, SteeringGateway } from "@milepost/model";
import { type ConnectionOptions, type Job, Queue } from "bullmq";
import { creationOf, type DescribeJob, specOf } from "./job-description.ts";
import { queueMark } from "./operation-id.ts";

/** Parts that {@link Parents} needs. */
export interface ParentsParts {
  readonly gateway: ProducerGateway & Partial<SteeringGateway>;
  readonly connection: ConnectionOptions;
  readonly describe: DescribeJob;
  /** Lease of a parent until somebody reports on it, in milliseconds. */
  readonly leaseMs: number;
  readonly onError: (error: unknown) => void;
}

/** Largest number of jobs of a flow from a job up to its root. */
const maxLevels = 8;
const maxQueues = 100;

/** Returns the id of the producer under which all processes report on the jobs of a queue. */
export function producerIdOf(queueKey: string): string {
  return `bullmq-${queueMark(queueKey)}`;
}

/**
 * Finds the operation of the parent of a job in a flow, and creates it where nobody has yet: an operation is made a part of
 * another one only when it is created.
 */
export class Parents {
  readonly #parts: ParentsParts;
  readonly #jobs = new Map<string, Job>();
  readonly #queues = new Map<string, Queue>();
  /** The gateway, whose new operations are made parts of those of their parent jobs. */
  readonly gateway: ProducerGateway & Partial<SteeringGateway>;

  constructor(parts: ParentsParts) {
    const { gateway } = parts;
    this.#parts = parts;
    this.gateway = {
      create: async (input, signal) => gateway.create(await this.#within(input), signal),
      report: gateway.report.bind(gateway),
      takeOver: gateway.takeOver.bind(gateway),
      pendingCommands: gateway.pendingCommands.bind(gateway),
      ...steeringOf(gateway),
    };
  }

  /** Remembers the job of an operation that may be created, until {@link Parents.forget}. */
  remember(operationId: string, job: Job): void {
    if (job.parent !== undefined) this.#jobs.set(operationId, job);
  }

  forget(operationId: string): void {
    this.#jobs.delete(operationId);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close().catch(() => {})));
  }

  async #within(input: CreateOperation): Promise<CreateOperation> {
    const job = this.#jobs.get(input.operation_id ?? "");
    const parent = job === undefined ? undefined : await this.#parentOf(job, 1);
    return parent === undefined ? input : { ...input, parent };
  }

  async #parentOf({ parent }: Job, level: number): Promise<string | undefined> {
    if (parent === undefined || level > maxLevels) return undefined;
    const { gateway, describe, leaseMs, onError } = this.#parts;
    try {
      const job = await this.#queue(parent.queueKey).getJob(parent.id ?? "");
      const spec = job && specOf(job, describe, onError);
      if (job === undefined || spec === undefined) return undefined;
      const above = await this.#parentOf(job, level + 1);
      const input = creationOf(spec, producerIdOf(parent.queueKey), leaseMs);
      await gateway.create(above === undefined ? input : { ...input, parent: above });
      return spec.operationId;
    } catch (error) {
      // A gateway that is away is asked again; a parent that it refuses costs the child its parent alone.
      if ((error as { retryable?: unknown }).retryable === true) throw error;
      onError(error);
      return undefined;
    }
  }

  #queue(queueKey: string): Queue {
    const known = this.#queues.get(queueKey);
    if (known !== undefined) return known;
    if (this.#queues.size >= maxQueues) throw new Error(`parents in more than ${maxQueues} queues`);
    const at = queueKey.indexOf(":");
    const { connection } = this.#parts;
    const queue = new Queue(queueKey.slice(at + 1), { connection, prefix: queueKey.slice(0, at) });
    queue.on("error", this.#parts.onError);
    this.#queues.set(queueKey, queue);
    return queue;
  }
}

/** Returns the calls for questions and messages of a gateway, as far as it has them. */
function steeringOf(gateway: Partial<SteeringGateway>): Partial<SteeringGateway> {
  const { pendingInputs, ask, question } = gateway;
  return {
    ...(pendingInputs && { pendingInputs: pendingInputs.bind(gateway) }),
    ...(ask && { ask: ask.bind(gateway) }),
    ...(question && { question: question.bind(gateway) }),
  };
}

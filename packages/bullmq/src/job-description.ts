import type { CreateOperation } from "@milepost/model";
import type { WorkSpec } from "@milepost/producer";
import type { Job } from "bullmq";
import { operationIdOf } from "./operation-id.ts";

/** Description of a job for the people who see it. Every field is optional. */
export type JobDescription = Partial<Omit<WorkSpec, "operationId" | "parent" | "leaseMs">>;

/**
 * Describes a job: whose it is, and what people read. Returns undefined for a job that nobody shall see. It is called again
 * for each attempt, in any process, so it depends on the job alone. Jobs of other queues are described too if they are
 * parents of this queue's jobs.
 */
export type DescribeJob = (job: Job) => JobDescription | undefined;

/** Returns the operation of a job; undefined if nobody shall see it. If `describe` throws, the job's names describe it. */
export function specOf(
  job: Job,
  describe: DescribeJob,
  onError: (error: unknown) => void,
): (WorkSpec & { readonly operationId: string }) | undefined {
  let described: JobDescription | undefined = {};
  try {
    described = describe(job);
  } catch (error) {
    onError(error);
  }
  if (described === undefined) return undefined;
  const operationId = operationIdOf(job.queueQualifiedName, job);
  return { kind: job.queueName, title: job.name, ...described, operationId };
}

/** Returns the request that creates an operation, for one that nobody here reports on. */
export function creationOf(
  { operationId, kind, title, session, user, collection, belongsTo, weight, tags }: WorkSpec,
  producerId: string,
  leaseMs: number,
): CreateOperation {
  const fields = {
    operation_id: operationId,
    title,
    session_id: session,
    user_id: user,
    collection_id: collection,
    belongs_to: belongsTo,
    weight,
    tags,
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), kind, producer_id: producerId, lease_ms: leaseMs };
}

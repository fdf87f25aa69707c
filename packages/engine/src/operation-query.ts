import type { OperationSummary } from "@milepost/model";
import type { IndexedOperation, OperationQuery } from "./ports/operation-index.ts";

/** Returns true when an operation meets all conditions of a query except `limit`. Engines use it to filter. */
export function matchesQuery(
  { summary, producer, waitingCommands }: IndexedOperation,
  query: OperationQuery,
): boolean {
  return (
    (query.session === undefined || summary.session_id === query.session) &&
    (query.user === undefined || summary.user_id === query.user) &&
    (query.producer === undefined || producer === query.producer) &&
    (query.kind === undefined || summary.kind === query.kind) &&
    (query.status === undefined || summary.status === query.status) &&
    (query.statuses === undefined || query.statuses.includes(summary.status)) &&
    (query.before === undefined || follows(summary, query.before)) &&
    (query.tag === undefined || summary.tags?.includes(query.tag) === true) &&
    (query.parent === undefined || summary.parent === query.parent) &&
    (query.waiting === undefined || waitingCommands > 0)
  );
}

function follows(
  { created_at, operation_id }: OperationSummary,
  { createdAt, id }: NonNullable<OperationQuery["before"]>,
): boolean {
  return created_at < createdAt || (created_at === createdAt && operation_id < id);
}

/** Compares two summaries as a list has them: the newest first, then the highest id. */
export function newestFirst(a: OperationSummary, b: OperationSummary): number {
  return b.created_at - a.created_at || (a.operation_id < b.operation_id ? 1 : -1);
}

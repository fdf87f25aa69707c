import { isFinal, type OperationSummary } from "@milepost/model";
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
    (query.tag === undefined || summary.tags?.includes(query.tag) === true) &&
    (query.parent === undefined || summary.parent === query.parent) &&
    (query.parents === undefined || isLiveParent(summary)) &&
    (query.waiting === undefined || waitingCommands > 0)
  );
}

/** Returns true for an operation that has children and has not ended. */
export function isLiveParent({ children, status }: OperationSummary): boolean {
  return children !== undefined && !isFinal(status);
}

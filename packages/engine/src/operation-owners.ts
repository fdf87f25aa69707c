import type { IndexedOperation, OperationQuery } from "./ports/operation-index.ts";

/** Entry of an index together with its next deadline, by the clock of the store. */
export interface DatedOperation {
  readonly operation: IndexedOperation;
  readonly dueAt: number | undefined;
}

/** Returns the entry that a put leaves: it keeps what the entry before knows better than a put from older knowledge. */
export function mergedOperation(
  before: DatedOperation | undefined,
  operation: IndexedOperation,
  dueAt: number | undefined,
): DatedOperation {
  if (before?.operation.summary.created_at !== operation.summary.created_at) {
    return { operation, dueAt };
  }
  const { offset, fence } = operation;
  const isBehind = before.operation.offset > offset;
  const kept = isBehind ? { ...before.operation, offset, fence } : operation;
  if (!isBehind && before.operation.fence <= fence) return { operation: kept, dueAt };
  const earliest = Math.min(
    before.dueAt ?? Number.POSITIVE_INFINITY,
    dueAt ?? Number.POSITIVE_INFINITY,
  );
  return {
    operation: kept,
    dueAt: earliest === Number.POSITIVE_INFINITY ? undefined : earliest,
  };
}

/**
 * Returns the lists in which an operation is found: `session:…`, `user:…`, `producer:…`, `parent:…` and `tag:…`.
 */
export function operationOwners({ summary, producer }: IndexedOperation): string[] {
  const owners: string[] = [];
  if (summary.session_id !== undefined) owners.push(`session:${summary.session_id}`);
  if (summary.user_id !== undefined) owners.push(`user:${summary.user_id}`);
  if (producer !== undefined) owners.push(`producer:${producer}`);
  if (summary.parent !== undefined) owners.push(`parent:${summary.parent}`);
  for (const tag of summary.tags ?? []) owners.push(`tag:${tag}`);
  return owners;
}

/** Returns the shortest list that has every operation which a query selects; undefined where there is none. */
export function ownerOfQuery(query: OperationQuery): string | undefined {
  const { session, user, producer, tag, parent } = query;
  if (session !== undefined) return `session:${session}`;
  if (user !== undefined) return `user:${user}`;
  if (producer !== undefined) return `producer:${producer}`;
  if (parent !== undefined) return `parent:${parent}`;
  if (tag !== undefined) return `tag:${tag}`;
  return undefined;
}

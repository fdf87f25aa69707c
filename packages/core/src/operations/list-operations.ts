import {
  type IndexedOperation,
  newestFirst,
  type OperationIndex,
  type OperationQuery,
} from "@milepost/engine";
import type { Principal } from "../rules/principal.ts";
import { requireService } from "../rules/service-scopes.ts";

/**
 * Lists the operations that the principal may see. A service sees all operations. A user sees the operations of
 * its user id and of its session.
 */
export async function listFor(
  principal: Principal,
  query: OperationQuery,
  index: OperationIndex,
): Promise<readonly IndexedOperation[]> {
  if (principal.kind === "service") {
    requireService(principal, "operations");
    return index.list(query);
  }
  const { user, session } = principal;
  const foreign =
    (query.user !== undefined && query.user !== user) ||
    (query.session !== undefined && query.session !== session);
  // An empty list does not reveal whether somebody else has operations.
  if (foreign) return [];
  if (query.user !== undefined || query.session !== undefined) return index.list(query);
  const [ofUser, ofSession] = await Promise.all([
    user === undefined ? [] : index.list({ ...query, user }),
    session === undefined ? [] : index.list({ ...query, session }),
  ]);
  const byId = new Map(
    [...ofUser, ...ofSession].map((found) => [found.summary.operation_id, found]),
  );
  return [...byId.values()].sort((a, b) => newestFirst(a.summary, b.summary)).slice(0, query.limit);
}

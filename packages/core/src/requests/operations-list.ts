import type { OperationFilter } from "@milepost/model";
import type { Method } from "./method-services.ts";

/** `operations.list {kind?, status?, limit?}`: the user's own. */
export const listOperations: Method = async ({ operations }, principal, params) =>
  // The operations read and check every field themselves.
  operations.list(principal, params as OperationFilter);

import type { OperationFilter } from "@milepost/model";
import type { Method } from "./method-services.ts";

/** Method `operations.list {kind?, status?, limit?}`: lists the operations of the caller's user and session. */
export const listOperations: Method = async ({ operations }, principal, params) =>
  // The operation service reads and checks every field.
  operations.list(principal, params as OperationFilter);

import { textOf } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

const readId = textOf(255);

/** Method `operations.get {operation_id}`: reads an operation. */
export const getOperation: Method = async ({ operations }, principal, params) => {
  const id = orThrow(readInput(params, (fields) => fields.required("operation_id", readId)));
  return operations.get(principal, id);
};

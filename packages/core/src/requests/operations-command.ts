import type { RequestCommand } from "@milepost/model";
import { textOf } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

const readId = textOf(255);

/** Method `operations.command {operation_id, command, args?, key?}`: sends a command to an operation. */
export const commandOperation: Method = async ({ operations }, principal, params) => {
  const id = orThrow(readInput(params, (fields) => fields.required("operation_id", readId)));
  // The operation service reads and checks every other field.
  return operations.command(principal, id, params as RequestCommand);
};

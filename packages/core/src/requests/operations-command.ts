import type { RequestCommand } from "@milepost/model";
import { textOf } from "@milepost/protocol";
import { orThrow, readInput } from "../input/input.ts";
import type { Method } from "./method-services.ts";

const readId = textOf(255);

/** `operations.command {operation_id, command, args?, key?}`. */
export const commandOperation: Method = async ({ operations }, principal, params) => {
  const id = orThrow(readInput(params, (fields) => fields.required("operation_id", readId)));
  // The operations read and check every other field themselves.
  return operations.command(principal, id, params as RequestCommand);
};

import type { RequestCommand, RequestCommands, SendInput } from "@milepost/model";
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

/** Method `operations.commands {filter, command, args?, key?, limit?, after?}`: sends a command to many operations. */
export const commandOperations: Method = async ({ operations }, principal, params) =>
  operations.commandAll(principal, params as RequestCommands);

/** Method `operations.input {operation_id, data, key?}`: sends a message into a running operation. */
export const sendInput: Method = async ({ operations }, principal, params) => {
  const id = orThrow(readInput(params, (fields) => fields.required("operation_id", readId)));
  return operations.input(principal, id, params as SendInput);
};

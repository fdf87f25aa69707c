import { MilepostError, readWith } from "@milepost/protocol";
import { orThrow } from "../input/input.ts";
import { readJsonText } from "../input/json-text.ts";
import type { MethodCall, MethodDefinition } from "./method.ts";

/** Runs one call as its definition has it: who may, and with what. What comes out is not checked yet. */
export async function perform(
  definition: MethodDefinition,
  params: unknown,
  call: MethodCall,
): Promise<unknown> {
  const { access = "authenticated", params: schema } = definition;
  if (access !== "authenticated" && !(await access(call.principal, call.method))) {
    throw new MilepostError("forbidden", `${call.method} is not for this credential`);
  }
  const input = schema === undefined ? params : orThrow(await readWith(schema, params, "params"));
  // Checking may have taken long: what nobody waits for is not begun.
  call.signal.throwIfAborted();
  return definition.handler(input, call);
}

/** A result that its schema and JSON have let through; a TypeError says what is wrong with another. */
export async function checkedResult(
  { result: schema }: MethodDefinition,
  result: unknown,
  maxBytes: number,
): Promise<unknown> {
  let checked = result ?? null;
  if (schema !== undefined) {
    const read = await readWith(schema, checked, "result");
    if (!read.ok) throw new TypeError(`wrong result: ${read.failure.message}`);
    checked = read.value ?? null;
  }
  const text = readJsonText(checked, maxBytes);
  if (!text.ok && text.failure.code === "too_large") {
    const advice = "ask for less, or let the method answer in chunks";
    throw new MilepostError("too_large", `the result is over ${maxBytes} bytes; ${advice}`);
  }
  if (!text.ok) throw new TypeError(`wrong result: ${text.failure.message}`);
  return checked;
}

import { MilepostError, readExactly, readWith } from "@milepost/protocol";
import { orThrow } from "../input/input.ts";
import { readJsonText } from "../input/json-text.ts";
import type { MethodCall, MethodDefinition } from "./method.ts";

/**
 * Runs one call of a method: checks access and parameters, then calls the handler. Resolves with the unchecked
 * answer.
 */
export async function perform(
  definition: MethodDefinition,
  params: unknown,
  call: MethodCall,
): Promise<unknown> {
  const { access = "authenticated", params: schema, carriesText = false } = definition;
  const isAllowed =
    // The scopes of its key have allowed a service the method.
    call.service !== undefined ||
    (typeof access === "function"
      ? await access(call.principal, call.method)
      : access === "anyone" || call.principal.guest === undefined);
  if (!isAllowed) {
    throw new MilepostError("forbidden", `this credential may not call ${call.method}`);
  }
  // A handler that reads the text itself needs no value, so nothing can be lost.
  const isText = carriesText && schema === undefined;
  const given = (isText ? params : orThrow(readExactly(params, "params"))) ?? {};
  const input = schema === undefined ? given : orThrow(await readWith(schema, given, "params"));
  // The checks may have taken long, and a request that nobody waits for is not started.
  call.signal.throwIfAborted();
  return definition.handler(input, call);
}

/**
 * Resolves with a result that passed its schema and fits into `maxBytes` of JSON. Rejects with `too_large` if
 * it does not fit, and with a TypeError that says what is wrong with any other invalid result.
 */
export async function checkedResult(
  { result: schema }: MethodDefinition,
  result: unknown,
  maxBytes: number,
): Promise<unknown> {
  let checked = result ?? null;
  if (schema !== undefined) {
    const exact = readExactly(checked, "result");
    const read = exact.ok ? await readWith(schema, exact.value ?? null, "result") : exact;
    if (!read.ok)
      throw new TypeError(`the method returned an invalid result: ${read.failure.message}`);
    checked = read.value ?? null;
  }
  const text = readJsonText(checked, maxBytes, "result");
  if (!text.ok && text.failure.code === "too_large") {
    const advice = "ask for less, or let the method answer in chunks";
    throw new MilepostError("too_large", `the result is over ${maxBytes} bytes; ${advice}`);
  }
  if (!text.ok)
    throw new TypeError(`the method returned an invalid result: ${text.failure.message}`);
  return checked;
}

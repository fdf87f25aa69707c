import { MilepostError } from "@milepost/protocol";
import { readJsonText } from "../json-text.ts";
import { describeIssue, type StandardSchema } from "../standard-schema.ts";
import type { MethodCall, MethodDefinition } from "./method.ts";

/** Does what a definition says of one call: who may, with what, and what comes out. */
export async function perform(
  definition: MethodDefinition,
  params: unknown,
  call: MethodCall,
  maxBytes: number,
): Promise<unknown> {
  const { access = "authenticated" } = definition;
  if (access !== "authenticated" && !(await access(call.principal, call.method))) {
    throw new MilepostError("forbidden", `${call.method} is not for this credential`);
  }
  const input = await readParams(definition.params, params);
  // Checking may have taken long: what nobody waits for is not begun.
  call.signal.throwIfAborted();
  const result = (await definition.handler(input, call)) ?? null;
  return checkedResult(definition, result, maxBytes);
}

async function readParams(schema: StandardSchema | undefined, params: unknown): Promise<unknown> {
  if (schema === undefined) return params;
  const outcome = await schema["~standard"].validate(params);
  if (outcome.issues === undefined) return outcome.value;
  const wrong = outcome.issues.slice(0, 5).map((issue) => describeIssue(issue, "params"));
  throw new MilepostError(
    "bad_message",
    wrong.join("; ") || "params are not what the method takes",
  );
}

async function checkedResult(
  { result: schema }: MethodDefinition,
  result: unknown,
  maxBytes: number,
): Promise<unknown> {
  let checked = result;
  if (schema !== undefined) {
    const outcome = await schema["~standard"].validate(result);
    const [issue] = outcome.issues ?? [];
    if (issue !== undefined) throw new TypeError(`wrong result: ${describeIssue(issue, "result")}`);
    if (outcome.issues === undefined) checked = outcome.value ?? null;
  }
  const text = readJsonText(checked, maxBytes);
  if (!text.ok && text.failure.code === "too_large") {
    throw new MilepostError("too_large", `the result is over ${maxBytes} bytes; ask for less`);
  }
  if (!text.ok) throw new TypeError(`wrong result: ${text.failure.message}`);
  return checked;
}

import type { OperationError } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";

/** Outcome of work: `done` with its result, `failed` with the thrown error, or `cancelled`. */
export type Outcome<Result> =
  | { readonly status: "done"; readonly result: Result }
  | { readonly status: "failed"; readonly error: unknown }
  | { readonly status: "cancelled"; readonly error: MilepostError };

/**
 * Returns the error in the form that subscribers see: its own `code` (cut to 64 characters) or `job_failed`,
 * and its message.
 */
export function describeError(thrown: unknown, retryable: boolean): OperationError {
  const fields = typeof thrown === "object" && thrown !== null ? thrown : {};
  const named = "code" in fields && typeof fields.code === "string" ? fields.code : "";
  const code = named === "" ? "job_failed" : named;
  const message = messageOf(thrown);
  return {
    code: code.slice(0, 64),
    message: message === "" ? code : message,
    retryable,
  };
}

/** Returns the error's own `retryable` field, or undefined when it has none. */
export function saysRetryable(thrown: unknown): boolean | undefined {
  if (typeof thrown !== "object" || thrown === null || !("retryable" in thrown)) return undefined;
  return typeof thrown.retryable === "boolean" ? thrown.retryable : undefined;
}

/**
 * Returns the abort reason of the caller's signal as a `MilepostError`. A reason that is not a `MilepostError`
 * gets the code `cancelled`.
 */
export function asCancellation(reason: unknown): MilepostError {
  if (reason instanceof MilepostError) return reason;
  const message = messageOf(reason ?? "cancelled");
  return new MilepostError("cancelled", message, { cause: reason });
}

/** Returns the message of a thrown value, also for objects that cannot be converted to text. */
function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  try {
    return String(thrown);
  } catch {
    return "an unknown error";
  }
}

import type { OperationError } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";

/** How work ended. */
export type Outcome<Result> =
  | { readonly status: "done"; readonly result: Result }
  | { readonly status: "failed"; readonly error: unknown }
  | { readonly status: "cancelled"; readonly error: MilepostError };

/** What people are told of an error that ended the work. */
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

/** What an error says itself about whether trying again makes sense. */
export function saysRetryable(thrown: unknown): boolean | undefined {
  if (typeof thrown !== "object" || thrown === null || !("retryable" in thrown)) return undefined;
  return typeof thrown.retryable === "boolean" ? thrown.retryable : undefined;
}

/** The reason as an error of ours, whatever the caller's signal was aborted with. */
export function asCancellation(reason: unknown): MilepostError {
  if (reason instanceof MilepostError) return reason;
  const message = messageOf(reason ?? "cancelled");
  return new MilepostError("cancelled", message, { cause: reason });
}

/** What a thrown value says of itself; there are objects that have no text. */
function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  try {
    return String(thrown);
  } catch {
    return "an unknown error";
  }
}

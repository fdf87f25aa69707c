import { eventBounds, type OperationError } from "@milepost/model";
import { cutText, MilepostError } from "@milepost/protocol";
import { fieldOf } from "./field-repair.ts";

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
  const named = typeof thrown === "object" ? fieldOf(thrown, "code") : undefined;
  const code = typeof named === "string" && named !== "" ? named : "job_failed";
  const message = messageOf(thrown);
  return {
    code: cutText(code, eventBounds.id),
    message: message === "" ? code : message,
    retryable,
  };
}

/** Returns the error's own `retryable` field, or undefined when it has none. Never throws. */
export function saysRetryable(thrown: unknown): boolean | undefined {
  const says = typeof thrown === "object" ? fieldOf(thrown, "retryable") : undefined;
  return typeof says === "boolean" ? says : undefined;
}

/**
 * Returns the abort reason of the caller's signal as a `MilepostError`. A reason that is not a `MilepostError`
 * gets the code `cancelled`.
 */
export function asCancellation(reason: unknown): MilepostError {
  if (isMilepostError(reason)) return reason;
  const message = messageOf(reason ?? "cancelled");
  return new MilepostError("cancelled", message, { cause: reason });
}

/** Returns true if a thrown value is a `MilepostError`. Never throws, also for objects that cannot be read. */
export function isMilepostError(thrown: unknown): thrown is MilepostError {
  try {
    return thrown instanceof MilepostError;
  } catch {
    return false;
  }
}

/**
 * Returns the message of a thrown value. Never throws, also for objects that cannot be read or converted to
 * text.
 */
export function messageOf(thrown: unknown): string {
  try {
    if (typeof thrown !== "object" || thrown === null) return String(thrown);
    const { message } = thrown as { readonly message?: unknown };
    return typeof message === "string" ? message : String(thrown);
  } catch {
    return "an unknown error";
  }
}

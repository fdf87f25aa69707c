import { type CloseCode, closeNames } from "./close-verdict.ts";
import type { ErrorCode } from "./error-codes.ts";
import { isErrorCode } from "./retryable-codes.ts";

/** Errors of those close codes whose name differs from the code of their error. */
const otherErrors: Readonly<Record<number, ErrorCode>> = {
  1000: "cancelled",
  1008: "forbidden",
  1009: "too_large",
  1013: "too_many_connections",
  4000: "shutting_down",
  4001: "shutting_down",
  4400: "bad_message",
  4408: "unauthenticated",
  4410: "cancelled",
} satisfies Partial<Record<CloseCode, ErrorCode>>;

/**
 * Returns the error that a close code stands for. Returns `internal` for a close code that stands for no error.
 */
export function errorOfClose(code: number): ErrorCode {
  const error = otherErrors[code] ?? closeNames[code as CloseCode];
  return isErrorCode(error) ? error : "internal";
}

import type { CloseCode } from "./close-verdict.ts";
import type { ErrorCode } from "./error-codes.ts";

/**
 * Error that each close code stands for: the one table that ties the two. The HTTP status of an error is in the table
 * of error codes.
 */
export const closeErrors = {
  1000: "cancelled",
  1008: "forbidden",
  1009: "too_large",
  1013: "too_many_connections",
  4000: "shutting_down",
  4001: "shutting_down",
  4101: "token_expired",
  4102: "token_revoked",
  4400: "bad_message",
  4401: "unauthenticated",
  4403: "forbidden",
  4408: "unauthenticated",
  4409: "too_many_connections",
  4413: "too_large",
  4429: "rate_limited",
} as const satisfies Partial<Record<CloseCode, ErrorCode>>;

/** Returns the error that a close code stands for; `internal` for every other code. */
export function errorOfClose(code: number): ErrorCode {
  return (closeErrors as Readonly<Record<number, ErrorCode>>)[code] ?? "internal";
}

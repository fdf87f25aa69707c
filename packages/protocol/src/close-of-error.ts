import type { CloseCode } from "./close-verdict.ts";
import type { ErrorCode } from "./error-codes.ts";
import { retryableCodes } from "./retryable-codes.ts";

/**
 * Errors that end a connection, each with its close code: the one place that ties the two.
 *
 * An error has the close code of its first pair, and a close code the error of its first pair. The HTTP status of an
 * error is in the table of error codes.
 */
const pairs = [
  ["token_expired", 4101],
  ["token_revoked", 4102],
  ["unauthenticated", 4401],
  ["unauthenticated", 4408],
  ["forbidden", 4403],
  ["forbidden", 1008],
  ["too_large", 1009],
  ["too_large", 4413],
  ["too_many_connections", 1013],
  ["too_many_connections", 4409],
  // 4429 stops a client, so it waits for limits that a client can know.
  ["rate_limited", 1013],
  ["rate_limited", 4429],
  ["shutting_down", 4000],
  ["shutting_down", 4001],
  ["cancelled", 1000],
  ["bad_message", 4400],
  ["internal", 1011],
] as const satisfies readonly (readonly [ErrorCode, CloseCode])[];

/**
 * Returns the close code of a connection that ends because of an error.
 *
 * An error that is not in the table closes with 1013 when the same may succeed later, and with 4400 otherwise.
 */
export function closeCodeOf(error: ErrorCode): CloseCode {
  const listed = pairs.find(([code]) => code === error);
  return listed?.[1] ?? (retryableCodes[error] ? 1013 : 4400);
}

/** Returns the close code of a connection whose credential was not accepted; 4401 where the error has no better one. */
export function closeCodeOfCredential(error: ErrorCode): CloseCode {
  const code = closeCodeOf(error);
  return code === 4400 ? 4401 : code;
}

/** Returns the error that a close code stands for; `internal` for every other code. */
export function errorOfClose(close: number): ErrorCode {
  return pairs.find(([, code]) => code === close)?.[0] ?? "internal";
}

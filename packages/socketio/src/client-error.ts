import { MilepostError } from "@milepost/protocol";

/** An error as a page gets it: in the event `error`, in an answer, and as `data` of a `connect_error`. */
export interface ClientError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
}

/** Returns what a page may know of an error. */
export function clientError(error: unknown): ClientError {
  return milepostError(error).toFailure();
}

/** Returns the error as one of Milepost. The text of any other error stays with the bridge. */
export function milepostError(error: unknown): MilepostError {
  if (error instanceof MilepostError) return error;
  return new MilepostError("internal", "the bridge had an internal error", { cause: error });
}

/** Errors after which the same client may be accepted at once, by this node or another one. */
const passing = new Set([
  "unavailable",
  "timed_out",
  "store_unavailable",
  "shutting_down",
  "internal",
]);

/**
 * True if a client should come back by itself. A Socket.IO client does so after a lost connection, and never after a
 * refused connect.
 */
export function isPassing({ code }: MilepostError): boolean {
  return passing.has(code);
}

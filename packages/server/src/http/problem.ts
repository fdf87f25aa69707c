import {
  errorCodes,
  type Failure,
  failure,
  type LeaseHolder,
  MilepostError,
} from "@milepost/protocol";

/** Media type of an error's body. */
export const problemMediaType = "application/problem+json";

/** An error in the form of RFC 9457, with Milepost's stable code. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: Failure["code"];
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
  /** Holder of the lease, with `stale_lease`. */
  readonly held_by?: LeaseHolder;
}

/** Returns the problem document of a failure; its status comes from the table of error codes. */
export function problemOf(cause: Failure): Problem {
  const { status, description } = errorCodes[cause.code];
  const { code, message, retryable, retry_after_ms, held_by } = cause;
  return {
    type: `urn:milepost:error:${code}`,
    title: description,
    status,
    detail: message,
    code,
    retryable,
    ...(retry_after_ms !== undefined && { retry_after_ms }),
    ...(held_by !== undefined && { held_by }),
  };
}

/**
 * Returns the headers of an answer with a problem document: 401 adds `WWW-Authenticate`, a retry delay adds
 * `Retry-After`.
 */
export function problemHeaders(problem: Problem): Record<string, string> {
  const headers: Record<string, string> = { "Content-Type": problemMediaType };
  if (problem.status === 401) headers["WWW-Authenticate"] = "Bearer";
  if (problem.retry_after_ms !== undefined) {
    headers["Retry-After"] = String(Math.ceil(problem.retry_after_ms / 1000));
  }
  return headers;
}

/**
 * Returns the failure to send to the client for a thrown value; undefined for an internal error, which belongs
 * in the log.
 */
export function failureOf(thrown: unknown): Failure | undefined {
  return thrown instanceof MilepostError ? thrown.toFailure() : undefined;
}

/** Failure sent to the client for an internal error; it reveals nothing about the cause. */
export const internalFailure = failure(
  "internal",
  "internal error of the gateway; its cause is in the gateway's log",
);

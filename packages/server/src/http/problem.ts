import { errorCodes, type Failure, failure, MilepostError } from "@milepost/protocol";

/** The media type of an error's body. */
export const problemMediaType = "application/problem+json";

/** An error as RFC 9457 has it, with Milepost's stable code. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: Failure["code"];
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
}

/** A failure as a problem document; its status follows from the table of codes. */
export function problemOf(cause: Failure): Problem {
  const { status, description } = errorCodes[cause.code];
  const { code, message, retryable, retry_after_ms } = cause;
  return {
    type: `urn:milepost:error:${code}`,
    title: description,
    status,
    detail: message,
    code,
    retryable,
    ...(retry_after_ms !== undefined && { retry_after_ms }),
  };
}

/** The headers that go with a problem document. */
export function problemHeaders(problem: Problem): Record<string, string> {
  const headers: Record<string, string> = { "Content-Type": problemMediaType };
  if (problem.status === 401) headers["WWW-Authenticate"] = "Bearer";
  if (problem.retry_after_ms !== undefined) {
    headers["Retry-After"] = String(Math.ceil(problem.retry_after_ms / 1000));
  }
  return headers;
}

/** What to answer for something thrown; undefined when it is a fault of our own that belongs in the log. */
export function failureOf(thrown: unknown): Failure | undefined {
  return thrown instanceof MilepostError ? thrown.toFailure() : undefined;
}

/** What is told about a fault of our own: nothing but that it was one. */
export const internalFailure = failure("internal", "a fault of the service; it is in its log");

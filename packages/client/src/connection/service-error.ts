import { type ErrorCode, isErrorCode, isRecord, MilepostError } from "@milepost/protocol";

/** Returns the error that a reply carries; an unknown code of a newer service becomes `internal`. */
export function serviceError(failure: unknown): MilepostError {
  const { code, message, retry_after_ms } = isRecord(failure) ? failure : {};
  const said = typeof message === "string" ? message : "the service gave no reason";
  const known = isErrorCode(code);
  return new MilepostError(
    known ? code : "internal",
    known ? said : `${String(code)}: ${said}`,
    typeof retry_after_ms === "number" ? { retryAfterMs: retry_after_ms } : {},
  );
}

const closeErrors: Readonly<Record<number, ErrorCode>> = {
  1000: "cancelled",
  1008: "forbidden",
  1009: "too_large",
  4101: "token_expired",
  4102: "token_revoked",
  4400: "bad_message",
  4401: "unauthenticated",
  4403: "forbidden",
  4408: "unauthenticated",
  4409: "too_many_connections",
  4413: "too_large",
  4429: "rate_limited",
};

/** Returns the error for everything pending when the client is closed. */
export function closeError(code: number, reason: string): MilepostError {
  return new MilepostError(
    closeErrors[code] ?? "internal",
    `the connection is closed (${code}): ${reason}`,
  );
}

/** Returns the error for calls under way when the connection broke. */
export function lostError(): MilepostError {
  return new MilepostError(
    "timed_out",
    "the connection was lost before the reply arrived; the request may or may not have taken effect",
  );
}

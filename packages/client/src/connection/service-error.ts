import { type ErrorCode, isErrorCode, isRecord, MilepostError } from "@milepost/protocol";

/** The error that a reply carries; one with a code of a newer service counts as `internal`. */
export function serviceError(failure: unknown): MilepostError {
  const { code, message, retry_after_ms } = isRecord(failure) ? failure : {};
  const said = typeof message === "string" ? message : "the service did not say why";
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

/** The error of everything that waited when the connection closed for good. */
export function closeError(code: number, reason: string): MilepostError {
  return new MilepostError(
    closeErrors[code] ?? "internal",
    `the connection is closed (${code}): ${reason}`,
  );
}

/** The error of what was under way when the connection broke. */
export function lostError(): MilepostError {
  return new MilepostError(
    "timed_out",
    "the connection broke before the answer came; whether it took effect is unknown",
  );
}

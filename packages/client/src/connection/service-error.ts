import { errorOfClose, isRecord, MilepostError } from "@milepost/protocol";

/** Returns the error that a reply carries; an unknown code of a newer gateway becomes `internal`. */
export function serviceError(failure: unknown): MilepostError {
  const { code, message, retry_after_ms } = isRecord(failure) ? failure : {};
  return MilepostError.from({
    code: String(code),
    message: typeof message === "string" ? message : "the gateway gave no reason",
    retryable: true,
    ...(typeof retry_after_ms === "number" && { retry_after_ms }),
  });
}

/** Returns the error with which pending calls and subscriptions fail when the client is closed. */
export function closeError(code: number, reason: string): MilepostError {
  return new MilepostError(errorOfClose(code), `the connection is closed (${code}): ${reason}`);
}

/**
 * Returns the error with which a call fails when the connection is lost before its reply and the call may not
 * be sent again.
 */
export function lostError(): MilepostError {
  return new MilepostError(
    "timed_out",
    "the connection was lost before the reply arrived; the request may or may not have taken effect",
  );
}

import { type ErrorCode, isErrorCode, isRecord, MilepostError } from "@milepost/protocol";

/** Something about the reporting that went wrong; the work itself is never told. */
export interface Problem {
  readonly operationId: string | undefined;
  readonly code: ErrorCode;
  readonly message: string;
  /**
   * What follows: `retrying` (nothing is lost so far; told once per outage), `dropped` (this one event is
   * not reported), `stopped` (nothing more is reported on this operation).
   */
  readonly effect: "retrying" | "dropped" | "stopped";
  /** The event that was dropped. */
  readonly event?: string;
}

/** Hears of problems; what it throws is swallowed. */
export type ProblemListener = (problem: Problem) => void;

/** Tells the process's own warning channel (`process.on("warning")`, stderr by default). */
export const warnOfProblem: ProblemListener = ({ operationId, code, message, effect }) => {
  const about = operationId === undefined ? "" : ` on operation ${operationId}`;
  process.emitWarning(`reporting${about}: ${message} (${effect})`, {
    type: "MilepostProducer",
    code,
  });
};

/** A listener that never throws into its caller. */
export function harmless(listener: ProblemListener): ProblemListener {
  return (problem) => {
    try {
      listener(problem);
    } catch {
      // Whoever listens must not be able to stop the reporting, let alone the work.
    }
  };
}

/**
 * Any thrown value, or a failure as it stands in a result, as Milepost's error.
 *
 * What does not come from the service at all (a network that fails, a bug in a gateway) counts as
 * retryable; a code of a newer service keeps only whether it is.
 */
export function asMilepostError(thrown: unknown): MilepostError {
  if (thrown instanceof MilepostError) return thrown;
  const message =
    thrown instanceof Error
      ? thrown.message
      : isRecord(thrown) && typeof thrown.message === "string"
        ? thrown.message
        : String(thrown);
  if (isRecord(thrown)) {
    const retryAfterMs =
      typeof thrown.retry_after_ms === "number" ? { retryAfterMs: thrown.retry_after_ms } : {};
    const options = { cause: thrown, ...retryAfterMs };
    if (isErrorCode(thrown.code)) return new MilepostError(thrown.code, message, options);
    if (thrown.retryable === false) return new MilepostError("bad_message", message, options);
  }
  return new MilepostError("internal", message, { cause: thrown });
}

import { type ErrorCode, isErrorCode, isRecord, MilepostError } from "@milepost/protocol";

/** A problem with reporting an operation. The work itself never sees it. */
export interface Problem {
  readonly operationId: string | undefined;
  readonly code: ErrorCode;
  readonly message: string;
  /**
   * Consequence of the problem. `retrying`: nothing is lost so far; reported once per outage. `dropped`: this
   * one event is not reported. `stopped`: nothing more is reported on this operation, or, without an
   * `operationId`, the producer receives no more commands.
   */
  readonly effect: "retrying" | "dropped" | "stopped";
  /** Name of the dropped event. */
  readonly event?: string;
}

/** Callback for reporting problems. Errors that it throws are ignored. */
export type ProblemListener = (problem: Problem) => void;

/** Emits a Node.js process warning about the problem (`process.on("warning")`, stderr by default). */
export const warnOfProblem: ProblemListener = ({ operationId, code, message, effect }) => {
  const about = operationId === undefined ? "" : ` on operation ${operationId}`;
  process.emitWarning(`reporting${about}: ${message} (${effect})`, {
    type: "MilepostProducer",
    code,
  });
};

/** Wraps a listener so that it never throws into its caller. */
export function harmless(listener: ProblemListener): ProblemListener {
  return (problem) => {
    try {
      listener(problem);
    } catch {
      // An error in the listener must stop neither the reporting nor the work.
    }
  };
}

/**
 * Returns any thrown value, or the failure object of a result, as a `MilepostError`.
 *
 * An error that does not come from the gateway (a failed network, a bug in a gateway) becomes `internal`, which
 * is retryable. An unknown code of a newer gateway keeps only whether it is retryable.
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

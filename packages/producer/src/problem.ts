import { type ErrorCode, isDelay, isErrorCode, MilepostError } from "@milepost/protocol";
import { fieldOf } from "./field-repair.ts";
import { isMilepostError, messageOf } from "./outcome.ts";

/** A problem with reporting an operation. The work itself never sees it. */
export interface Problem {
  readonly operationId: string | undefined;
  readonly code: ErrorCode;
  readonly message: string;
  /**
   * Consequence of the problem. `retrying`: nothing is lost so far; reported once per outage. `dropped`: this
   * one event, or the part of it that `message` names, is not reported. `stopped`: nothing more is reported on this
   * operation, or, without an `operationId`, the producer receives no more commands.
   */
  readonly effect: "retrying" | "dropped" | "stopped";
  /** Name of the event that was dropped, or that is reported without a part of it. */
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
 * is retryable. An unknown code of a newer gateway is converted as {@link MilepostError.from} does. Never throws.
 */
export function asMilepostError(thrown: unknown): MilepostError {
  if (isMilepostError(thrown)) return thrown;
  const message = messageOf(thrown);
  const [code, retryable, after] = ["code", "retryable", "retry_after_ms"].map((name) =>
    typeof thrown === "object" ? fieldOf(thrown, name) : undefined,
  );
  const isOfGateway = isErrorCode(code) || (typeof code === "string" && retryable === false);
  if (!isOfGateway) return new MilepostError("internal", message, { cause: thrown });
  return MilepostError.from({
    code,
    message,
    retryable: retryable === true,
    ...(isDelay(after) && { retry_after_ms: after }),
  });
}

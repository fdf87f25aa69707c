import type { ErrorCode } from "./error-codes.ts";
import { isErrorCode, retryableCodes } from "./retryable-codes.ts";

/** What went wrong, as it stands in a reply or a problem document. */
export interface Failure {
  readonly code: ErrorCode;
  /** For a person: what was wrong with what, and what to do about it. */
  readonly message: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Milliseconds to wait before the next try, when the service knows. */
  readonly retry_after_ms?: number;
}

/** The outcome of a parser: a value, or the failure to answer with. Parsers never throw. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

/** Makes a failure; whether it is retryable follows from the table of codes. */
export function failure(code: ErrorCode, message: string, retryAfterMs?: number): Failure {
  const retryable = retryableCodes[code];
  return retryAfterMs === undefined
    ? { code, message, retryable }
    : { code, message, retryable, retry_after_ms: retryAfterMs };
}

/** A failure as it came from elsewhere: its code may be of a newer service. */
export interface ForeignFailure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
}

/**
 * The failure with a code that this version knows.
 *
 * An unknown one becomes `internal` when a retry may help and `not_supported` when not, with the code in
 * the message.
 */
export function knownFailure(foreign: ForeignFailure): Failure {
  const { code, message, retryable, retry_after_ms } = foreign;
  if (isErrorCode(code)) return failure(code, message, retry_after_ms);
  return failure(retryable ? "internal" : "not_supported", `${code}: ${message}`, retry_after_ms);
}

/** A parser's success. */
export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

/** A parser's refusal. */
export function refused(code: ErrorCode, message: string): Parsed<never> {
  return { ok: false, failure: failure(code, message) };
}

/** The error that Milepost's packages throw where a failure cannot be returned. */
export class MilepostError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options?: { cause?: unknown; retryAfterMs?: number },
  ) {
    super(message, options);
    this.name = "MilepostError";
    this.code = code;
    this.retryable = retryableCodes[code];
    this.retryAfterMs = options?.retryAfterMs;
  }

  /** The error that stands for a failure received from elsewhere. */
  static from(foreign: ForeignFailure): MilepostError {
    const { code, message, retry_after_ms } = knownFailure(foreign);
    return new MilepostError(
      code,
      message,
      retry_after_ms === undefined ? {} : { retryAfterMs: retry_after_ms },
    );
  }

  /** The failure to answer with. */
  toFailure(): Failure {
    return failure(this.code, this.message, this.retryAfterMs);
  }
}

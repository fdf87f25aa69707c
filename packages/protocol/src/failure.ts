import type { ErrorCode } from "./error-codes.ts";
import { isErrorCode, retryableCodes } from "./retryable-codes.ts";

/** A failure in the form in which a reply or a problem document carries it. */
export interface Failure {
  readonly code: ErrorCode;
  /** Text for a person: the wrong value, the reason, and what to do about it. */
  readonly message: string;
  /** True if the same request may succeed later. */
  readonly retryable: boolean;
  /** Time to wait before the next try, in milliseconds; absent if the gateway does not know it. */
  readonly retry_after_ms?: number;
  /** Who holds the lease, with `stale_lease`; absent if nobody does. */
  readonly held_by?: LeaseHolder;
}

/** Who holds a lease, as a refused caller may know it. */
export interface LeaseHolder {
  /** Name of the worker: the id of its producer, of the queue's worker, or the name of its API key. */
  readonly worker: string;
  /** Time at which it took the lease, in milliseconds since 1970. */
  readonly since: number;
}

/**
 * The outcome of a parser: the parsed value, or the failure to report to the sender. Parsers return failures
 * and never throw.
 */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

/**
 * Creates a failure. The table of codes decides if it is retryable. A `retryAfterMs` that nobody can wait for, such
 * as a negative one, is left out.
 */
export function failure(code: ErrorCode, message: string, retryAfterMs?: number): Failure {
  const retryable = retryableCodes[code];
  return isDelay(retryAfterMs)
    ? { code, message, retryable, retry_after_ms: retryAfterMs }
    : { code, message, retryable };
}

/** True for a delay that somebody can wait for: a number that is finite and not negative. */
export function isDelay(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY;
}

/** A failure that was received from a gateway of any version. This version may not know the failure's code. */
export interface ForeignFailure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
}

/**
 * Converts a received failure into one with a code that this version knows.
 *
 * An unknown code becomes `internal` if the failure is retryable, and `not_supported` if not. The message then
 * starts with the unknown code.
 */
export function knownFailure(foreign: ForeignFailure): Failure {
  const { code, message, retryable, retry_after_ms } = foreign;
  if (isErrorCode(code)) return failure(code, message, retry_after_ms);
  return failure(retryable ? "internal" : "not_supported", `${code}: ${message}`, retry_after_ms);
}

/** Returns the outcome of a parser that accepted its input: the parsed value. */
export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

/** Returns the outcome of a parser that refused its input: a failure with this code and message. */
export function refused(code: ErrorCode, message: string): Parsed<never> {
  return { ok: false, failure: failure(code, message) };
}

/** The error that Milepost's packages throw where they cannot return a failure. */
export class MilepostError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  /** Time to wait before the next try, in milliseconds: finite and not negative; undefined if it is not known. */
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
    const retryAfterMs = options?.retryAfterMs;
    this.retryAfterMs = isDelay(retryAfterMs) ? retryAfterMs : undefined;
  }

  /**
   * Creates the error for a failure, which may come from another version. Converts a code that this version
   * does not know; see {@link knownFailure}.
   */
  static from(foreign: ForeignFailure): MilepostError {
    const { code, message, retry_after_ms } = knownFailure(foreign);
    return new MilepostError(
      code,
      message,
      retry_after_ms === undefined ? {} : { retryAfterMs: retry_after_ms },
    );
  }

  /** Returns this error as a failure, in the form that a reply carries. */
  toFailure(): Failure {
    return failure(this.code, this.message, this.retryAfterMs);
  }
}

import { MilepostError } from "@milepost/protocol";

/**
 * Error of a call that something between this process and the gateway answered, such as a load balancer. It says
 * nothing about the operation, so reporting never stops because of it.
 */
export class ForeignAnswer extends MilepostError {
  /** HTTP status of the answer. */
  readonly status: number;

  constructor({ code, message, retryAfterMs }: MilepostError, status: number) {
    super(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
    this.status = status;
  }

  /** True if a smaller or another body may pass: a status between 400 and 499 that is about the request. */
  get isAboutRequest(): boolean {
    return this.status >= 400 && this.status < 500 && !notAboutRequest.has(this.status);
  }
}

/** Size in bytes that nothing in between refuses for being too large, whatever it says. */
const alwaysSmall = 1_024;

/**
 * Returns true if an error says for certain that a request of this size is too large. A proxy that says so of a
 * small request refuses every request, for a while.
 */
export function isTooLarge(error: MilepostError, bytes: number): boolean {
  return error.code === "too_large" && !(error instanceof ForeignAnswer && bytes <= alwaysSmall);
}

/** Statuses that are about the time of a request: timeout, too early, too many. */
const notAboutRequest: ReadonlySet<number> = new Set([408, 425, 429]);

import { type Failure, type LeaseHolder, MilepostError } from "./failure.ts";

/** Refusal of a caller that does not hold a lease. It names who does, where somebody does. */
export class StaleLeaseError extends MilepostError {
  readonly heldBy: LeaseHolder | undefined;

  constructor(message: string, heldBy: LeaseHolder | undefined, options?: { cause?: unknown }) {
    super("stale_lease", message, options);
    this.heldBy = heldBy;
  }

  override toFailure(): Failure {
    const { heldBy } = this;
    return heldBy === undefined ? super.toFailure() : { ...super.toFailure(), held_by: heldBy };
  }
}

/** Reads who holds a lease from a received failure; undefined if it says nothing. */
export function leaseHolderIn(failure: unknown): LeaseHolder | undefined {
  if (typeof failure !== "object" || failure === null || !("held_by" in failure)) return undefined;
  const { held_by: held } = failure;
  if (typeof held !== "object" || held === null) return undefined;
  const { worker, since } = held as Partial<Record<keyof LeaseHolder, unknown>>;
  return typeof worker === "string" && typeof since === "number" ? { worker, since } : undefined;
}

/** Rate of a token bucket. */
export interface Rate {
  /** Average amount per second; may be a fraction. */
  readonly perSecond: number;
  /** Maximum amount at once after a pause. */
  readonly burst: number;
}

/** Tolerance in milliseconds, so that rounding errors do not refuse what comes exactly on time. */
const tolerance = 1e-6;

/**
 * A token bucket is one number: the time on the monotonic clock at which it will be full again, in milliseconds. A
 * bucket whose time has passed is full, whatever its rate.
 *
 * Returns the time until the bucket has room for `amount`, in milliseconds; 0 if it has room now. An amount above the
 * burst needs a full bucket.
 */
export function waitFor(fullAt: number, amount: number, rate: Rate, now: number): number {
  const { perSecond, burst } = rate;
  const room = burst - Math.min(amount, burst);
  const waitMs = fullAt - now - (room * 1_000) / perSecond;
  return waitMs > tolerance ? waitMs : 0;
}

/** Returns the time at which a bucket is full again from which `amount` is taken, even if it has no room for it. */
export function fullAfter(fullAt: number, amount: number, rate: Rate, now: number): number {
  return Math.max(fullAt, now) + (amount * 1_000) / rate.perSecond;
}

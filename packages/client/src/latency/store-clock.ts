/** Greatest difference in speed that two clocks are expected to have: 200 millionths. */
const drift = 200e-6;
/** Times of the store come in whole milliseconds. */
const roundingMs = 1;

interface Estimate {
  /** Time of the store minus the time of the monotonic clock here, in milliseconds. */
  readonly ahead: number;
  /** Greatest error of `ahead` when it was measured, in milliseconds: half of the round trip. */
  readonly errorMs: number;
  /** Time on the monotonic clock at which it was measured. */
  readonly at: number;
}

/**
 * Estimate of the store's time, from requests that were answered with it.
 *
 * The answer was made somewhere between the request and its arrival, so half of the round trip bounds the error. The
 * estimate with the smallest bound is kept. The bound grows with time, because two clocks never run at the same speed.
 */
export class StoreClock {
  #best: Estimate | undefined;

  /**
   * Takes the store's time `now` from an answer, and the times of the monotonic clock at which its request was sent and
   * the answer received. Returns true if it agrees with the estimate before. A clock that was set, or a machine that slept,
   * makes them disagree; the new estimate then holds.
   */
  measured(sentAt: number, receivedAt: number, now: number): boolean {
    const next: Estimate = {
      ahead: now - (sentAt + receivedAt) / 2,
      errorMs: (receivedAt - sentAt) / 2 + roundingMs,
      at: receivedAt,
    };
    const best = this.#best;
    if (best === undefined) {
      this.#best = next;
      return false;
    }
    const errorMs = errorAt(best, receivedAt);
    const agrees = Math.abs(next.ahead - best.ahead) <= errorMs + next.errorMs;
    if (!agrees || next.errorMs <= errorMs) this.#best = next;
    return agrees;
  }

  /** Forgets the estimate, for example because another node answers from now on. */
  forget(): void {
    this.#best = undefined;
  }

  /**
   * Returns how old something of the store's time `ts` is at `at` on the monotonic clock, in milliseconds; 0 where it is
   * younger by no more than the error. Undefined without an estimate, or where it is younger still, which shows that the
   * estimate is wrong.
   */
  ageOf(ts: number, at: number): number | undefined {
    const best = this.#best;
    if (best === undefined) return undefined;
    const ageMs = at + best.ahead - ts;
    return ageMs < -errorAt(best, at) ? undefined : Math.max(0, ageMs);
  }
}

function errorAt({ errorMs, at }: Estimate, now: number): number {
  return errorMs + drift * (now - at);
}

import type { Clock, Random } from "@milepost/engine";
import { FailureWindow } from "./failure-window.ts";

/** Thresholds and delays of a circuit breaker. */
export interface BreakerOptions {
  /** Number of failures in a row that opens the breaker; default 5. */
  readonly failuresInRow?: number;
  /** Share of failed calls in a window that opens the breaker, from 0 to 1; default 0.5. */
  readonly failureShare?: number;
  /** Minimum number of calls in a window before `failureShare` applies; default 20. */
  readonly minCalls?: number;
  /** Length of the window, in milliseconds; default 10,000. */
  readonly windowMs?: number;
  /**
   * Nominal time that the breaker stays open the first time, in milliseconds; default 1,000. It doubles with
   * each probe that fails.
   */
  readonly openMs?: number;
  /** Maximum nominal time that the breaker stays open, in milliseconds; default 30,000. */
  readonly maxOpenMs?: number;
}

/** State of a circuit breaker. */
export type BreakerState = "closed" | "open" | "half_open";

/**
 * Permission for one call. The caller returns it through exactly one of `succeeded`, `failed` and `released`.
 */
export interface Permit {
  /**
   * Number of the breaker's state period in which the permit was issued. A result from an earlier period is
   * ignored.
   */
  readonly stretch: number;
}

/**
 * Circuit breaker: stops calls to a remote service while it fails.
 *
 * | state | a call | it succeeds | it fails | it is released |
 * |---|---|---|---|---|
 * | closed | passes | | too many: open | |
 * | open | refused; after the delay: half open, passes as the probe | | | |
 * | half open | refused while the probe is out | closed | open, for twice as long | the next call is the probe |
 *
 * A delay is random, between half and all of its nominal length, so that many nodes do not probe at once. The
 * breaker holds no timer: it checks the delay at the next call.
 */
export class CircuitBreaker {
  readonly #options: Required<BreakerOptions>;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #random: Pick<Random, "fraction">;
  readonly #window: FailureWindow;
  #state: BreakerState = "closed";
  #stretch = 0;
  #failuresInRow = 0;
  /** Number of openings since the breaker was last closed. */
  #openings = 0;
  #opensUntil = 0;
  #probing = false;

  constructor(
    options: BreakerOptions,
    clock: Pick<Clock, "monotonic">,
    random: Pick<Random, "fraction">,
  ) {
    const { failuresInRow = 5, failureShare = 0.5, minCalls = 20 } = options;
    const { windowMs = 10_000, openMs = 1_000, maxOpenMs = 30_000 } = options;
    this.#options = { failuresInRow, failureShare, minCalls, windowMs, openMs, maxOpenMs };
    this.#clock = clock;
    this.#random = random;
    this.#window = new FailureWindow(windowMs, clock);
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Time until a call may pass, in milliseconds; 0 when one may pass now. */
  get retryAfterMs(): number {
    if (this.#state === "closed") return 0;
    if (this.#state === "open") return Math.max(0, this.#opensUntil - this.#clock.monotonic());
    return this.#probing ? this.#options.openMs : 0;
  }

  /** Returns the permit for a call now, or undefined when the call is refused. */
  take(): Permit | undefined {
    if (this.retryAfterMs > 0) return undefined;
    if (this.#state === "open") this.#enter("half_open");
    if (this.#state === "half_open") this.#probing = true;
    return { stretch: this.#stretch };
  }

  succeeded({ stretch }: Permit): void {
    if (stretch !== this.#stretch) return;
    this.#failuresInRow = 0;
    if (this.#state === "half_open") {
      this.#openings = 0;
      this.#enter("closed");
    } else this.#window.add(true);
  }

  failed({ stretch }: Permit): void {
    if (stretch !== this.#stretch) return;
    if (this.#state === "half_open") {
      this.#open();
      return;
    }
    this.#failuresInRow++;
    this.#window.add(false);
    const { failuresInRow, minCalls, failureShare } = this.#options;
    const { calls, failures } = this.#window.counts();
    const tooMany = calls >= minCalls && failures >= calls * failureShare;
    if (tooMany || this.#failuresInRow >= failuresInRow) this.#open();
  }

  /** Takes back the permit of a call whose result says nothing about the remote service. */
  released({ stretch }: Permit): void {
    if (stretch === this.#stretch) this.#probing = false;
  }

  #open(): void {
    const { openMs, maxOpenMs } = this.#options;
    const longestMs = Math.min(openMs * 2 ** Math.min(this.#openings, 20), maxOpenMs);
    this.#openings++;
    this.#opensUntil = this.#clock.monotonic() + (longestMs / 2) * (1 + this.#random.fraction());
    this.#enter("open");
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    this.#stretch++;
    this.#probing = false;
    this.#failuresInRow = 0;
    this.#window.clear();
  }
}

import type { Clock, Random } from "@milepost/engine";
import { FailureWindow } from "./failure-window.ts";

/** When a breaker opens, and for how long. */
export interface BreakerOptions {
  /** So many failures in a row open it; default 5. */
  readonly failuresInRow?: number;
  /** So large a share of the calls of a window opens it; default 0.5. */
  readonly failureShare?: number;
  /** A share counts only of so many calls; default 20. */
  readonly minCalls?: number;
  /** The length of a window, in milliseconds; default 10,000. */
  readonly windowMs?: number;
  /** How long it stays open the first time, in milliseconds; default 1,000. Doubles with each probe that fails. */
  readonly openMs?: number;
  /** How long at most; default 30,000. */
  readonly maxOpenMs?: number;
}

/** What a breaker is. */
export type BreakerState = "closed" | "open" | "half_open";

/** The right to one call; to be handed back by exactly one of `succeeded`, `failed` and `released`. */
export interface Permit {
  /** Which stretch of the breaker's life it belongs to; a result that comes later says nothing about the present. */
  readonly stretch: number;
}

/**
 * Keeps calls away from something remote that fails.
 *
 * | state | a call | it succeeds | it fails | it is given up |
 * |---|---|---|---|---|
 * | closed | goes | | too many: open | |
 * | open | refused; after its delay: half open, goes as the probe | | | |
 * | half open | refused while the probe is out | closed | open, for twice as long | the next call is the probe |
 *
 * Delays are between half and all of their length, at random, so that many nodes do not probe at once.
 * It holds no timer: what is due is seen at the next call.
 */
export class CircuitBreaker {
  readonly #options: Required<BreakerOptions>;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #random: Pick<Random, "fraction">;
  readonly #window: FailureWindow;
  #state: BreakerState = "closed";
  #stretch = 0;
  #failuresInRow = 0;
  /** How often it opened since it was last closed. */
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

  /** Milliseconds after which a call may go; 0 when it may now. */
  get retryAfterMs(): number {
    if (this.#state === "closed") return 0;
    if (this.#state === "open") return Math.max(0, this.#opensUntil - this.#clock.monotonic());
    return this.#probing ? this.#options.openMs : 0;
  }

  /** The right to a call now, or undefined where it is refused. */
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

  /** The call ended in a way that says nothing about the other end. */
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

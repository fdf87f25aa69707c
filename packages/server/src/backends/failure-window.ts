import type { Clock } from "@milepost/engine";

/** Number of calls in the window, and how many of them failed. */
export interface CallCounts {
  readonly calls: number;
  readonly failures: number;
}

interface Half {
  number: number;
  calls: number;
  failures: number;
}

/**
 * Counts calls in a sliding window, as the current half-window plus the previous one. Memory and time are
 * constant.
 */
export class FailureWindow {
  readonly #halfMs: number;
  readonly #clock: Pick<Clock, "monotonic">;
  #present: Half = { number: 0, calls: 0, failures: 0 };
  #before: Half = { number: -1, calls: 0, failures: 0 };

  constructor(windowMs: number, clock: Pick<Clock, "monotonic">) {
    this.#halfMs = windowMs / 2;
    this.#clock = clock;
  }

  add(succeeded: boolean): void {
    this.#turn();
    this.#present.calls++;
    if (!succeeded) this.#present.failures++;
  }

  counts(): CallCounts {
    this.#turn();
    const follows = this.#before.number === this.#present.number - 1;
    const { calls, failures } = follows ? this.#before : { calls: 0, failures: 0 };
    return {
      calls: this.#present.calls + calls,
      failures: this.#present.failures + failures,
    };
  }

  clear(): void {
    this.#present = { number: this.#present.number, calls: 0, failures: 0 };
    this.#before = { number: -1, calls: 0, failures: 0 };
  }

  #turn(): void {
    const number = Math.floor(this.#clock.monotonic() / this.#halfMs);
    if (number === this.#present.number) return;
    this.#before = this.#present;
    this.#present = { number, calls: 0, failures: 0 };
  }
}

import { isDelay } from "@milepost/protocol";

/**
 * Options of the random wait between connection attempts. Each wait is between 0 and a span that grows with the
 * number of failures.
 */
export interface BackoffOptions {
  /** Upper bound of the first wait, in milliseconds; default 1,000. */
  readonly minMs?: number;
  /** Maximum upper bound of a wait, in milliseconds; default 16,000. */
  readonly maxMs?: number;
  /** Factor by which the upper bound grows after each failed attempt; default 2, at least 1. */
  readonly factor?: number;
  /** Number of failed attempts in a row before the client gives up; default unlimited. */
  readonly attempts?: number;
}

/**
 * Preset without randomness: the client waits 1, 2, 4, 8 and 16 s before five attempts to reconnect, then gives up. A
 * wait that the gateway asks for still counts.
 */
export type BackoffPreset = "five-attempts";

/** Span within which the gateway asked the client to reconnect, in milliseconds from its notice. */
export interface Advice {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * Backoff with full jitter: each wait is random between 0 and a growing upper bound, so that clients do not
 * reconnect at the same time. The preset waits for the whole of each span.
 */
export class Backoff {
  readonly attempts: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #factor: number;
  readonly #random: () => number;
  readonly #isExact: boolean;

  constructor(options: BackoffOptions | BackoffPreset, random: () => number) {
    this.#isExact = options === "five-attempts";
    // A value that is no number would otherwise become no wait at all, and attempts without a pause.
    const { minMs, maxMs, factor, attempts } = options as BackoffOptions;
    this.#minMs = isDelay(minMs) ? minMs : 1_000;
    this.#maxMs = Math.max(isDelay(maxMs) ? maxMs : 16_000, this.#minMs);
    this.#factor = Math.max(isDelay(factor) ? factor : 2, 1);
    // The first failure is the loss before the first of the five attempts.
    this.attempts = attempts ?? (this.#isExact ? 6 : Number.POSITIVE_INFINITY);
    this.#random = random;
  }

  /** Returns the wait before the retry number `retry`, counted from 1, in milliseconds. */
  delayMs(retry: number): number {
    const spanMs = Math.min(this.#maxMs, this.#minMs * this.#factor ** (retry - 1));
    return (this.#isExact ? 1 : this.#random()) * spanMs;
  }

  /** Returns a random wait within an announced span, in milliseconds. */
  withinMs({ minMs, maxMs }: Advice): number {
    return minMs + this.#random() * Math.max(0, maxMs - minMs);
  }
}

/** How long to wait between attempts. */
export interface BackoffOptions {
  /** The span of the first wait; default 1,000. */
  readonly minMs?: number;
  /** The longest span; default 16,000. */
  readonly maxMs?: number;
  /** How much longer each span is than the one before; default 2. */
  readonly factor?: number;
  /** Attempts in a row before giving up; default never. */
  readonly attempts?: number;
}

/** A span to come back in, as the service announced it. */
export interface Advice {
  readonly minMs: number;
  readonly maxMs: number;
}

/** Backoff with full jitter: a random moment of a span that grows, so that clients do not come back in step. */
export class Backoff {
  readonly attempts: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #factor: number;
  readonly #random: () => number;

  constructor(options: BackoffOptions, random: () => number) {
    this.#minMs = options.minMs ?? 1_000;
    this.#maxMs = Math.max(options.maxMs ?? 16_000, this.#minMs);
    this.#factor = Math.max(options.factor ?? 2, 1);
    this.attempts = options.attempts ?? Number.POSITIVE_INFINITY;
    this.#random = random;
  }

  /** The wait before the retry `retry`, counted from 1. */
  delayMs(retry: number): number {
    const spanMs = Math.min(this.#maxMs, this.#minMs * this.#factor ** (retry - 1));
    return this.#random() * spanMs;
  }

  /** A random moment of an announced span. */
  withinMs({ minMs, maxMs }: Advice): number {
    return minMs + this.#random() * Math.max(0, maxMs - minMs);
  }
}

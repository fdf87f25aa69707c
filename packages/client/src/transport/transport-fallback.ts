import type { Transport } from "./transport.ts";

/** Attempts that a transport may fail before the next is tried; more for one that is known to get through. */
const patience = 2;
const provenPatience = 5;

/** Which transport is next: the first that gets through, from the best down, and from the last up again. */
export class TransportFallback {
  readonly #transports: readonly [Transport, ...Transport[]];
  readonly #proven = new Set<Transport>();
  #at = 0;
  #failures = 0;

  constructor(rungs: readonly [Transport, ...Transport[]]) {
    this.#transports = rungs;
  }

  get best(): Transport {
    return this.#transports[0];
  }

  get current(): Transport {
    return this.#transports[this.#at] ?? this.#transports[0];
  }

  /** Whether there is a better one than the current. */
  get isBelow(): boolean {
    return this.#at > 0;
  }

  /** The current one was welcomed. */
  succeeded(): void {
    this.#failures = 0;
    this.#proven.add(this.current);
  }

  /** The current one broke before its welcome. */
  failed(): void {
    this.#failures++;
    if (this.#failures < (this.#proven.has(this.current) ? provenPatience : patience)) return;
    this.#failures = 0;
    this.#at = (this.#at + 1) % this.#transports.length;
  }

  /** The best one was welcomed in the background. */
  upgraded(): void {
    this.#at = 0;
    this.succeeded();
  }
}

import type { Transport } from "./transport.ts";

/**
 * Number of failed attempts in a row after which the next transport is tried. `provenPatience` applies to a
 * transport that has connected before.
 */
const patience = 2;
const provenPatience = 5;

/**
 * Choice of the transport for the next attempt. After too many failures it goes to the next worse one, and from
 * the last one back to the best.
 */
export class TransportFallback {
  readonly #transports: readonly [Transport, ...Transport[]];
  readonly #proven = new Set<Transport>();
  #at = 0;
  #failures = 0;

  constructor(transports: readonly [Transport, ...Transport[]]) {
    this.#transports = transports;
  }

  get best(): Transport {
    return this.#transports[0];
  }

  get current(): Transport {
    return this.#transports[this.#at] ?? this.#transports[0];
  }

  /** True while a better transport than the current one exists. */
  get isBelow(): boolean {
    return this.#at > 0;
  }

  /** Records that the current transport received its welcome. */
  succeeded(): void {
    this.#failures = 0;
    this.#proven.add(this.current);
  }

  /**
   * Records that the current transport broke before its welcome; after too many failures the next one is
   * current.
   */
  failed(): void {
    this.#failures++;
    if (this.#failures < (this.#proven.has(this.current) ? provenPatience : patience)) return;
    this.#failures = 0;
    this.#at = (this.#at + 1) % this.#transports.length;
  }

  /** Records that the best transport received its welcome in the background; it is current from now on. */
  upgraded(): void {
    this.#at = 0;
    this.succeeded();
  }
}

import type { Transport } from "./transport.ts";

/**
 * Number of failures in a row after which the next transport is tried. `provenPatience` applies to a transport that
 * has worked before and now does not connect.
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

  get current(): Transport {
    return this.#transports[this.#at] ?? this.#transports[0];
  }

  /** True while a better transport than the current one exists. */
  get isBelow(): boolean {
    return this.#at > 0;
  }

  /** Returns a better transport than the current one; counting `n` up visits all of them in turn, the best first. */
  better(n: number): Transport {
    return this.#transports[n % Math.max(this.#at, 1)] ?? this.#transports[0];
  }

  /** Records that the current transport works. */
  succeeded(): void {
    this.#failures = 0;
    this.#proven.add(this.current);
  }

  /**
   * Records that the current transport failed; after too many failures the next one is current. A restarting node
   * refuses connections, but it does not welcome a client and then fall silent. So a failure after the welcome is no
   * reason for more patience with a transport that has worked before.
   */
  failed(wasWelcomed = false): void {
    this.#failures++;
    const isProven = this.#proven.has(this.current) && !wasWelcomed;
    if (this.#failures < (isProven ? provenPatience : patience)) return;
    this.next();
  }

  /** Makes the next transport the current one. */
  next(): void {
    this.#failures = 0;
    this.#at = (this.#at + 1) % this.#transports.length;
  }

  /** Records that a better transport works, which was tried in the background; it is current from now on. */
  upgraded(transport: Transport): void {
    this.#at = Math.max(0, this.#transports.indexOf(transport));
    this.succeeded();
  }
}

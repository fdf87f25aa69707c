import type { Duplex } from "node:stream";
import type { Cancel, Clock } from "@milepost/engine";

/** Number of handshakes without a credential that may follow each other at once. */
const burst = 8;
/** Time for each further handshake, in milliseconds. */
const eachMs = 1 / 3;
/** Interval at which handshakes that wait take their turns, in milliseconds. */
const tickMs = 1;

interface Waiting {
  readonly socket: Duplex;
  readonly resolve: () => void;
}

/**
 * Paces the WebSocket handshakes that carry no credential, to about 3,000 a second, so that a flood of them leaves time
 * for everybody else. Clients that send their credential in the first message come back no slower than that: it is more
 * than a node can authenticate.
 */
export class HandshakePace {
  readonly #clock: Clock;
  readonly #waiting: Waiting[] = [];
  #left = burst;
  #refilledAt: number;
  #cancel: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#refilledAt = clock.monotonic();
  }

  /** Resolves when it is the socket's turn, at once if few others came; also if the socket was closed meanwhile. */
  async turn(socket: Duplex): Promise<void> {
    this.#refill();
    if (this.#left >= 1 && this.#waiting.length === 0) {
      this.#left--;
      return;
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push({ socket, resolve });
      this.#cancel ??= this.#clock.after(tickMs, () => this.#next());
    });
  }

  /** Refills by the time that has passed, so that a busy event loop makes no more handshakes than an idle one. */
  #refill(): void {
    const now = this.#clock.monotonic();
    this.#left = Math.min(burst, this.#left + (now - this.#refilledAt) / eachMs);
    this.#refilledAt = now;
  }

  #next(): void {
    this.#cancel = undefined;
    this.#refill();
    let taken = 0;
    for (const { socket, resolve } of this.#waiting) {
      if (this.#left < 1) break;
      taken++;
      if (!socket.destroyed) this.#left--;
      resolve();
    }
    this.#waiting.splice(0, taken);
    if (this.#waiting.length > 0) this.#cancel = this.#clock.after(tickMs, () => this.#next());
  }
}

import type { Duplex } from "node:stream";
import type { Cancel, Clock } from "@milepost/engine";

/** Number of handshakes without a credential that may follow each other at once. */
const burst = 8;
/** Time for each further handshake, in milliseconds. */
const eachMs = 1;
/** Number of further handshakes for each client that showed its credential after its own. */
const earned = 2;
/** Number of handshakes that may be saved up by clients that showed their credential. */
const maxEarned = 64;

interface Waiting {
  readonly socket: Duplex;
  readonly resolve: () => void;
}

/**
 * Paces the WebSocket handshakes that carry no credential, so that a flood of them leaves time for everybody else.
 *
 * About 1,000 a second take their turn, and two more for each client that shows its credential after its handshake. So
 * clients that send it in the first message come back as fast as the node can authenticate them, and a flood that sends
 * none stays slow.
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
      this.#cancel ??= this.#clock.after(eachMs, () => this.#next());
    });
  }

  /** Gives two further handshakes their turn, because a client has shown its credential. */
  earn(): void {
    this.#left = Math.min(maxEarned, this.#left + earned);
    this.#takeTurns();
  }

  /** Refills by the time that has passed, so that a busy event loop makes no more handshakes than an idle one. */
  #refill(): void {
    const now = this.#clock.monotonic();
    const refilled = Math.min(burst, this.#left + (now - this.#refilledAt) / eachMs);
    this.#left = Math.max(this.#left, refilled);
    this.#refilledAt = now;
  }

  #next(): void {
    this.#cancel = undefined;
    this.#refill();
    this.#takeTurns();
    if (this.#waiting.length > 0) this.#cancel = this.#clock.after(eachMs, () => this.#next());
  }

  #takeTurns(): void {
    let taken = 0;
    for (const { socket, resolve } of this.#waiting) {
      if (this.#left < 1) break;
      taken++;
      if (!socket.destroyed) this.#left--;
      resolve();
    }
    this.#waiting.splice(0, taken);
  }
}

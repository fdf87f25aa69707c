import type { Duplex } from "node:stream";
import type { Cancel, Clock } from "@milepost/engine";

/** Number of handshakes without a credential in one interval; further ones wait for the next. */
const perInterval = 4;
const intervalMs = 1;

interface Waiting {
  readonly socket: Duplex;
  readonly resolve: () => void;
}

/**
 * Paces the WebSocket handshakes that carry no credential, to about 4,000 a second, so that a flood of them leaves time
 * for everybody else. Waiting sockets are bounded by the pool that they are in, which drops the oldest.
 */
export class HandshakePace {
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  #left = perInterval;
  #cancel: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when it is the socket's turn, at once if few others came; also if the socket was closed meanwhile. */
  async turn(socket: Duplex): Promise<void> {
    this.#cancel ??= this.#clock.after(intervalMs, () => this.#next());
    if (this.#left > 0 && this.#waiting.length === 0) {
      this.#left--;
      return;
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push({ socket, resolve });
    });
  }

  #next(): void {
    this.#cancel = undefined;
    this.#left = perInterval;
    let taken = 0;
    for (const { socket, resolve } of this.#waiting) {
      if (this.#left === 0) break;
      taken++;
      if (!socket.destroyed) this.#left--;
      resolve();
    }
    this.#waiting = this.#waiting.slice(taken);
    if (this.#waiting.length > 0) this.#cancel = this.#clock.after(intervalMs, () => this.#next());
  }
}

import type { Socket } from "node:net";

/** Effects of a network on the data of a connection. */
export interface Weather {
  /** Delay of everything, in milliseconds, and how much more it may be at random. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /**
   * Share of packets that are lost, from 0 to 1. TCP sends a lost packet again, and what follows waits: the data stop for
   * `resendMs`.
   */
  readonly loss: number;
  readonly resendMs: number;
  /** Returns a fraction from 0 up to but not including 1. */
  fraction(): number;
}

/** Bytes that wait for their time in one direction, beyond which the sender is not read. */
const maxWaiting = 4 * 1_048_576;
const packetBytes = 1_400;

/** Passes what one socket sends to another, in order, each piece when the weather lets it through. */
export class DelayedPipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #weather: () => Weather | undefined;
  readonly #waiting: { readonly at: number; readonly chunk: Buffer }[] = [];
  #bytes = 0;
  #dueAt = 0;
  #whenEmpty: (() => void) | undefined;

  constructor(from: Socket, to: Socket, weather: () => Weather | undefined) {
    this.#from = from;
    this.#to = to;
    this.#weather = weather;
    from.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  /** Calls `then` once nothing waits any more. */
  whenEmpty(then: () => void): void {
    if (this.#waiting.length === 0) then();
    else this.#whenEmpty = then;
  }

  #take(chunk: Buffer): void {
    const now = performance.now();
    this.#dueAt = Math.max(this.#dueAt, now + this.#delayOf(chunk));
    if (this.#waiting.length === 0 && this.#dueAt <= now) {
      this.#write(chunk);
      return;
    }
    this.#waiting.push({ at: this.#dueAt, chunk });
    this.#bytes += chunk.length;
    if (this.#bytes > maxWaiting) this.#from.pause();
    if (this.#waiting.length === 1) this.#wait();
  }

  #delayOf(chunk: Buffer): number {
    const weather = this.#weather();
    if (weather === undefined) return 0;
    const { delayMs, jitterMs, loss, resendMs } = weather;
    let delay = delayMs + jitterMs * weather.fraction();
    for (let sent = 0; sent < chunk.length; sent += packetBytes) {
      if (weather.fraction() < loss) delay += resendMs;
    }
    return delay;
  }

  #wait(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    setTimeout(() => this.#release(), Math.max(0, next.at - performance.now()));
  }

  #release(): void {
    const now = performance.now();
    while (this.#waiting[0] !== undefined && this.#waiting[0].at <= now + 0.5) {
      const { chunk } = this.#waiting.shift() ?? { chunk: Buffer.alloc(0) };
      const wasFull = this.#bytes > maxWaiting;
      this.#bytes -= chunk.length;
      this.#write(chunk);
      if (wasFull && this.#bytes <= maxWaiting && !this.#to.writableNeedDrain) this.#from.resume();
    }
    if (this.#waiting.length > 0) this.#wait();
    else this.#whenEmpty?.();
  }

  #write(chunk: Buffer): void {
    if (this.#to.writable && !this.#to.write(chunk)) this.#from.pause();
  }
}

import type { Cancel } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";

/** The most messages a frame may hold. */
const maxMessages = 1_000;

/**
 * Joins what is sent in one tick, or within a window, so that it travels together and in order.
 *
 * What goes together has at most 1,000 messages and about `maxBytes`; more goes in several parts, at once.
 */
export class Outgoing {
  maxBytes = 0;
  readonly #schedule: Schedule;
  readonly #windowMs: number;
  readonly #send: (messages: readonly string[]) => void;
  #waiting: string[] = [];
  #bytes = 0;
  #isFlushing = false;
  #window: Cancel | undefined;

  constructor(schedule: Schedule, windowMs: number, send: (messages: readonly string[]) => void) {
    this.#schedule = schedule;
    this.#windowMs = windowMs;
    this.#send = send;
  }

  /** Sends a message at the end of this tick; one that `canWait` at the end of the window. */
  add(text: string, canWait: boolean): void {
    const bytes = maxBytesOf(text);
    if (this.#waiting.length >= maxMessages || this.#bytes + bytes > this.maxBytes) this.flush();
    this.#waiting.push(text);
    this.#bytes += bytes;
    if (canWait && this.#windowMs > 0) {
      this.#window ??= this.#schedule.after(this.#windowMs, () => this.flush());
    } else if (!this.#isFlushing) {
      this.#isFlushing = true;
      queueMicrotask(() => this.flush());
    }
  }

  /** Sends what waits now. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    this.#isFlushing = false;
    this.#window?.();
    this.#window = undefined;
    if (waiting.length > 0) this.#send(waiting);
  }
}

/** What a text takes as UTF-8 at most: a UTF-16 unit is three bytes or less. */
export function maxBytesOf(text: string): number {
  return text.length * 3 + 1;
}

/** Messages as one frame. */
export function frameOf(messages: readonly string[]): string {
  return messages.length === 1 ? `${messages[0]}` : `[${messages.join(",")}]`;
}

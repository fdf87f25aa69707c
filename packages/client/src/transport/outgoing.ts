import type { Cancel } from "../runtime/clock.ts";
import type { Schedule } from "../runtime/schedule.ts";

/** Maximum number of messages in one frame. */
const maxMessages = 1_000;

/**
 * Batch of outgoing messages. It collects the messages of one tick, or of `batchMs`, and sends them together
 * and in order.
 *
 * A batch holds at most 1,000 messages and about `maxBytes` bytes. A message that would exceed this sends the
 * batch at once and starts the next one.
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

  /**
   * Adds a message, which is sent at the end of this tick. With `canWait` it may wait until `batchMs` have
   * passed.
   */
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

  /** Sends all waiting messages now. */
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

/** Returns an upper bound of a text's length in UTF-8, in bytes: a UTF-16 unit takes three bytes at most. */
export function maxBytesOf(text: string): number {
  return text.length * 3 + 1;
}

/** Joins messages into one frame: a single message as it is, several as a JSON array. */
export function frameOf(messages: readonly string[]): string {
  return messages.length === 1 ? `${messages[0]}` : `[${messages.join(",")}]`;
}

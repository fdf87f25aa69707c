import type { Incoming } from "../dialects/literal-message.ts";

/** Owner of an {@link Inbox}, which handles its messages. */
export interface InboxOwner {
  /** Handles a message. The next message waits for the promise, which must never reject. */
  handle(message: Incoming): Promise<void> | undefined;
  /** Refuses a message for which the inbox has no room. */
  refuseMessage(message: Incoming): void;
  /** Takes the work of a message from the client's share of this turn; false if it must wait for the next turn. */
  hasTurn(message: Incoming): boolean;
  /** Calls `work` in the next turn. */
  inNextTurn(work: () => void): void;
}

const maxQueued = 1_024;
const maxQueuedLength = 4 * 1_024 * 1_024;

interface Queued {
  readonly message: Incoming;
  readonly length: number;
}

/**
 * Queue of the messages that a connection received, which its owner handles one after the other.
 *
 * While the owner handles a message asynchronously, at most 1,024 further messages with 4,194,304 characters in
 * total wait. Others are refused.
 */
export class Inbox {
  readonly #owner: InboxOwner;
  #queue: Queued[] | undefined;
  #queuedLength = 0;
  #waiting = false;
  #closed = false;

  constructor(owner: InboxOwner) {
    this.#owner = owner;
  }

  /**
   * Passes a message of about `length` characters to the owner, or queues it while the owner handles another.
   */
  take(message: Incoming, length: number): void {
    if (this.#closed) return;
    if (!this.#waiting) {
      this.#handle(message);
      return;
    }
    this.#queue ??= [];
    if (this.#queue.length >= maxQueued || this.#queuedLength + length > maxQueuedLength) {
      this.#owner.refuseMessage(message);
      return;
    }
    this.#queue.push({ message, length });
    this.#queuedLength += length;
  }

  close(): void {
    this.#closed = true;
    this.#queue = undefined;
  }

  #handle(message: Incoming): void {
    const done = this.#owner.handle(message);
    if (done === undefined) return;
    this.#waiting = true;
    void done.then(() => this.#goOn());
  }

  #goOn(): void {
    this.#waiting = false;
    const queue = this.#queue;
    if (queue === undefined) return;
    this.#queue = undefined;
    this.#queuedLength = 0;
    for (let i = 0; i < queue.length; i++) {
      const next = queue[i];
      if (next === undefined || this.#closed) return;
      const isLate = !this.#waiting && !this.#owner.hasTurn(next.message);
      if (isLate) {
        this.#waiting = true;
        this.#owner.inNextTurn(() => this.#goOn());
      }
      if (this.#waiting) {
        this.#queue = queue.slice(i);
        this.#queuedLength = this.#queue.reduce((sum, { length }) => sum + length, 0);
        return;
      }
      this.#handle(next.message);
    }
  }
}

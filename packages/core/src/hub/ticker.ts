import type { Cancel, Clock } from "../ports/clock.ts";

/** Writes at the end of a tick. */
export interface Flushable {
  scheduled: boolean;
  flush(): void;
}

/** How many outboxes are written before other work gets its turn. */
const sliceSize = 1_024;

/**
 * The end of a tick: first every channel hands its batch out, then every outbox that got something writes
 * once. Large fan-outs are cut in slices, so that other work need not wait for them.
 */
export class Ticker {
  readonly #clock: Clock;
  readonly #onFault: (error: unknown) => void;
  #channels: Flushable[] = [];
  #outboxes: Flushable[] = [];
  #nextOutbox = 0;
  #cancel: Cancel | undefined;

  constructor(clock: Clock, onFault: (error: unknown) => void) {
    this.#clock = clock;
    this.#onFault = onFault;
  }

  /** Flushes a channel at the end of this tick, before the outboxes. */
  scheduleChannel(channel: Flushable): void {
    if (channel.scheduled) return;
    channel.scheduled = true;
    this.#channels.push(channel);
    this.#arm();
  }

  /** Flushes an outbox at the end of this tick. */
  schedule(outbox: Flushable): void {
    if (outbox.scheduled) return;
    outbox.scheduled = true;
    this.#outboxes.push(outbox);
    this.#arm();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(): void {
    this.#cancel ??= this.#clock.soon(this.#tick);
  }

  readonly #tick = (): void => {
    this.#cancel = undefined;
    const channels = this.#channels;
    this.#channels = [];
    for (const channel of channels) this.#flush(channel);
    const until = Math.min(this.#outboxes.length, this.#nextOutbox + sliceSize);
    while (this.#nextOutbox < until) {
      const outbox = this.#outboxes[this.#nextOutbox++];
      if (outbox !== undefined) this.#flush(outbox);
    }
    if (this.#nextOutbox >= this.#outboxes.length) {
      this.#outboxes = [];
      this.#nextOutbox = 0;
    } else this.#arm();
    if (this.#channels.length > 0) this.#arm();
  };

  #flush(item: Flushable): void {
    item.scheduled = false;
    try {
      item.flush();
    } catch (error) {
      this.#onFault(error);
    }
  }
}

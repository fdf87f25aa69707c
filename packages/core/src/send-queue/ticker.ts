import type { Cancel, Clock } from "@milepost/engine";

/** An object that is flushed at the end of a tick. */
export interface Flushable {
  scheduled: boolean;
  flush(): void;
}

/** Number of send queues that are written before other work gets its turn. */
const sliceSize = 1_024;

/**
 * Scheduler for the end of a tick: first every channel hands out its batch, then every send queue that received
 * something writes once. Large fan-outs are split into slices, so that other work need not wait for them.
 */
export class Ticker {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  #channels: Flushable[] = [];
  #sendQueues: Flushable[] = [];
  /** Send queues of earlier ticks; those from index `#next` on have yet to be written. */
  #turn: Flushable[] = [];
  #next = 0;
  #cancel: Cancel | undefined;
  /** Channels with an open `batchMs` window, each with the function that cancels the window's timer. */
  #windows: Map<Flushable, Cancel> | undefined;

  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  /** Flushes a channel at the end of this tick, before the send queues. */
  scheduleChannel(channel: Flushable): void {
    if (channel.scheduled) return;
    this.#endWindow(channel);
    channel.scheduled = true;
    this.#channels.push(channel);
    this.#arm();
  }

  /** Flushes a channel `delayMs` from now. A channel that is scheduled already keeps its earlier time. */
  scheduleChannelIn(channel: Flushable, delayMs: number): void {
    if (channel.scheduled || this.#windows?.has(channel)) return;
    this.#windows ??= new Map();
    const cancel = this.#clock.after(delayMs, () => this.scheduleChannel(channel));
    this.#windows.set(channel, cancel);
  }

  /** Flushes a send queue at the end of this tick. */
  schedule(sendQueue: Flushable): void {
    if (sendQueue.scheduled) return;
    sendQueue.scheduled = true;
    this.#sendQueues.push(sendQueue);
    this.#arm();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (const cancel of this.#windows?.values() ?? []) cancel();
    this.#windows = undefined;
  }

  #endWindow(channel: Flushable): void {
    this.#windows?.get(channel)?.();
    this.#windows?.delete(channel);
  }

  #arm(): void {
    this.#cancel ??= this.#clock.soon(this.#tick);
  }

  readonly #tick = (): void => {
    this.#cancel = undefined;
    const channels = this.#channels;
    this.#channels = [];
    for (const channel of channels) this.#flush(channel);
    if (this.#next >= this.#turn.length) {
      // Send queues scheduled meanwhile go to a list of their own: under steady load a single list would never
      // come to its end.
      this.#turn = this.#sendQueues;
      this.#sendQueues = [];
      this.#next = 0;
    }
    const until = Math.min(this.#turn.length, this.#next + sliceSize);
    while (this.#next < until) {
      const sendQueue = this.#turn[this.#next++];
      if (sendQueue !== undefined) this.#flush(sendQueue);
    }
    if (this.#next >= this.#turn.length) this.#turn = [];
    const isDone = this.#turn.length + this.#sendQueues.length + this.#channels.length === 0;
    if (!isDone) this.#arm();
  };

  #flush(item: Flushable): void {
    item.scheduled = false;
    try {
      item.flush();
    } catch (error) {
      this.#onError(error);
    }
  }
}

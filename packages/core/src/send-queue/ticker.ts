import type { Cancel, Clock } from "@milepost/engine";

/** An object that is flushed at the end of a tick. */
export interface Flushable {
  scheduled: boolean;
  flush(): void;
}

/** Receives what the ticks have done. */
export interface TickListener {
  /** Returns the time of the store, in milliseconds since 1970. */
  now(): number;
  /** Called once per tick with the bytes that were written to transports. */
  onWritten(bytes: number): void;
  /** Called when a tick that handed out entries has written its send queues, with the age of its oldest entry. */
  onDelivered(ageMs: number): void;
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
  readonly #listener: TickListener | undefined;
  #writtenBytes = 0;
  /** Time of the oldest entry that was handed out and may not be written yet; 0 for none. */
  #oldest = 0;
  /** Channels with an open `batchMs` window, each with the function that cancels the window's timer. */
  #windows: Map<Flushable, Cancel> | undefined;

  constructor(clock: Clock, onError: (error: unknown) => void, listener?: TickListener) {
    this.#clock = clock;
    this.#listener = listener;
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

  /** Counts bytes that a send queue has written. */
  wrote(bytes: number): void {
    this.#writtenBytes += bytes;
  }

  /** Notes that entries were handed out, the oldest of which was appended at `ts`. */
  delivers(ts: number): void {
    if (this.#oldest === 0 || ts < this.#oldest) this.#oldest = ts;
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
    this.#tell();
  };

  /** Tells the listener what was done since the last call. */
  #tell(): void {
    if (this.#listener === undefined) return;
    if (this.#writtenBytes > 0) this.#listener.onWritten(this.#writtenBytes);
    this.#writtenBytes = 0;
    // Entries of a turn that has begun and not ended are not all written yet.
    if (this.#oldest === 0 || this.#turn.length > 0) return;
    this.#listener.onDelivered(Math.max(0, this.#listener.now() - this.#oldest));
    this.#oldest = 0;
  }

  #flush(item: Flushable): void {
    item.scheduled = false;
    try {
      item.flush();
    } catch (error) {
      this.#onError(error);
    }
  }
}

import { shortReader } from "@milepost/protocol";
import type { Encoder, Transport, TransportEvents } from "../send-queue/transport.ts";
import { unframed } from "./test-encoder.ts";

/** Message as the peer received it. */
export type Received = Readonly<Record<string, unknown>>;

/**
 * Both ends of a socket in memory: the core's transport, and the peer that reads it.
 *
 * A stalled peer reads nothing: written bytes stay buffered, and a close is not answered.
 */
export class TestSocket implements Transport {
  readonly encoder: Encoder;
  readonly #received: Received[] = [];
  /** Returns what a client reads in a frame, which may have the short form. */
  readonly #long = shortReader();
  /** Frames as they arrived. */
  readonly frames: string[] = [];
  #taken = 0;
  #buffer: Uint8Array[] = [];
  #stalled = false;
  #gone = false;
  #events: TransportEvents | undefined;
  bufferedBytes = 0;
  /** Number of writes by the core. */
  writes = 0;
  pings = 0;
  /** True while the core does not read; what the peer sends then waits. */
  isPaused = false;
  readonly #unread: (() => void)[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  terminated = false;

  constructor(encoder: Encoder) {
    this.encoder = encoder;
  }

  /** True once the transport is closed for good. */
  get isGone(): boolean {
    return this.#gone;
  }

  /** Attaches the events that the core's connect returned. Must be called before anything else happens. */
  attach(events: TransportEvents): void {
    this.#events = events;
    if (this.closed !== undefined) this.#goSoon();
  }

  write(bytes: Uint8Array): void {
    this.writes++;
    if (this.#gone) return;
    if (this.#stalled) {
      this.#buffer.push(bytes);
      this.bufferedBytes += bytes.length;
    } else this.#read(bytes);
  }

  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
    if (!this.#stalled) this.#goSoon();
  }

  terminate(): void {
    this.terminated = true;
    this.#goSoon();
  }

  ping(): void {
    this.pings++;
  }

  pauseReading(): void {
    this.isPaused = true;
  }

  resumeReading(): void {
    this.isPaused = false;
    while (!this.isPaused) {
      const arrive = this.#unread.shift();
      if (arrive === undefined) return;
      arrive();
    }
  }

  /** Makes the peer stop reading. */
  stall(): void {
    this.#stalled = true;
  }

  /** Makes the peer read again, beginning with what is buffered. */
  resume(): void {
    this.#stalled = false;
    const waited = this.#buffer;
    this.#buffer = [];
    this.bufferedBytes = 0;
    for (const bytes of waited) this.#read(bytes);
    if (this.closed !== undefined) this.#goSoon();
    else if (waited.length > 0) this.#events?.onDrain();
  }

  /** Sends a message from the peer, or several in one frame. */
  send(message: unknown): void {
    this.sendText(JSON.stringify(message));
  }

  sendText(text: string): void {
    this.#arrive(() => this.#events?.onText(text));
  }

  /** Sends a control frame, such as the answer to a ping. */
  pong(): void {
    this.#arrive(() => this.#events?.onControl());
  }

  /** Sends a frame of a kind that the dialect does not carry. */
  sendBinary(): void {
    this.#arrive(() => this.#events?.onUnsupportedFrame());
  }

  #arrive(arrive: () => void): void {
    if (this.isPaused) this.#unread.push(arrive);
    else arrive();
  }

  /** Breaks the connection. */
  drop(): void {
    this.#go();
  }

  /** Returns all messages that arrived, with batched frames split. */
  received(): readonly Received[] {
    return this.#received;
  }

  /** Returns the messages that arrived since the last call. */
  take(): readonly Received[] {
    const fresh = this.#received.slice(this.#taken);
    this.#taken = this.#received.length;
    return fresh;
  }

  #read(bytes: Uint8Array): void {
    for (const text of unframed(bytes)) {
      this.frames.push(text);
      const frame = this.#long(text) as Received | Received[];
      if (Array.isArray(frame)) this.#received.push(...frame);
      else this.#received.push(frame);
    }
  }

  /** Closes in a microtask, since a transport never reports its end inside the call that asked for it. */
  #goSoon(): void {
    queueMicrotask(() => this.#go());
  }

  #go(): void {
    if (this.#gone || this.#events === undefined) return;
    this.#gone = true;
    this.#buffer = [];
    this.bufferedBytes = 0;
    this.#events.onClose();
  }
}

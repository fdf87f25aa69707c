import type { Encoder, Transport, TransportEvents } from "../send-queue/transport.ts";
import { unframed } from "./test-encoder.ts";

/** A message as it arrived. */
export type Received = Readonly<Record<string, unknown>>;

/**
 * Both ends of a socket, in memory: the core's transport, and the peer that reads it.
 *
 * A stalled peer reads nothing: what is written stays buffered, a close is not answered.
 */
export class TestSocket implements Transport {
  readonly encoder: Encoder;
  readonly #received: Received[] = [];
  #taken = 0;
  #buffer: Uint8Array[] = [];
  #stalled = false;
  #gone = false;
  #events: TransportEvents | undefined;
  bufferedBytes = 0;
  /** How often the core wrote. */
  writes = 0;
  pings = 0;
  closed: { readonly code: number; readonly reason: string } | undefined;
  terminated = false;

  constructor(encoder: Encoder) {
    this.encoder = encoder;
  }

  /** Whether the transport is closed for good. */
  get isGone(): boolean {
    return this.#gone;
  }

  /** Must be called with what the core answered the connect with. */
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

  /** The peer stops reading. */
  stall(): void {
    this.#stalled = true;
  }

  /** The peer reads on, beginning with what waited. */
  resume(): void {
    this.#stalled = false;
    const waited = this.#buffer;
    this.#buffer = [];
    this.bufferedBytes = 0;
    for (const bytes of waited) this.#read(bytes);
    if (this.closed !== undefined) this.#goSoon();
    else if (waited.length > 0) this.#events?.onDrain();
  }

  /** The peer sends a message, or several in one frame. */
  send(message: unknown): void {
    this.sendText(JSON.stringify(message));
  }

  sendText(text: string): void {
    this.#events?.onText(text);
  }

  /** The peer answers a ping. */
  pong(): void {
    this.#events?.onAlive();
  }

  /** A frame of a kind that the dialect does not carry. */
  sendBinary(): void {
    this.#events?.onUnsupportedFrame();
  }

  /** The connection breaks. */
  drop(): void {
    this.#go();
  }

  /** Everything that arrived, frames of many taken apart. */
  received(): readonly Received[] {
    return this.#received;
  }

  /** What arrived since the last call. */
  take(): readonly Received[] {
    const fresh = this.#received.slice(this.#taken);
    this.#taken = this.#received.length;
    return fresh;
  }

  #read(bytes: Uint8Array): void {
    for (const text of unframed(bytes)) {
      const frame = JSON.parse(text) as Received | Received[];
      if (Array.isArray(frame)) this.#received.push(...frame);
      else this.#received.push(frame);
    }
  }

  /** A transport never tells of its end inside the call that asked for it. */
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

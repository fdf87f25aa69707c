import { type Duplex, Writable } from "node:stream";
import type { Encoder, Transport, TransportEvents } from "@milepost/core";
import type { ConsumerKind } from "@milepost/engine";
import { splitMsgpackFrame } from "@milepost/protocol";
import { type RawData, WebSocket } from "ws";

/** Extensions of all sockets without compression. The ws library makes an empty object of 56 bytes for each. */
const noExtensions: Readonly<Record<string, unknown>> = Object.freeze({});

/**
 * The ws socket of a connection. It calls the connection's methods directly, because event listeners would need
 * a table of five per socket.
 */
export class GatewaySocket extends WebSocket {
  connection: WebSocketConnection | undefined;
  // Of what ws does not document, only these two properties are used here: where it finds its extensions, and its reader
  // of frames.
  protected readonly _extensions: Readonly<Record<string, unknown>> = noExtensions;
  declare protected readonly _receiver: { end: typeof endOnce } | null;

  /** Begins to pass what the socket reads to its connection. */
  serve(connection: WebSocketConnection): void {
    this.connection = connection;
    if (this._receiver !== null) this._receiver.end = endOnce;
  }

  override emit(event: string | symbol, ...args: readonly unknown[]): boolean {
    switch (event) {
      case "message":
        this.connection?.received(args[0] as RawData, args[1] === true);
        return true;
      case "ping":
        this.connection?.pinged(args[0] as Buffer);
        return true;
      case "pong":
        this.connection?.ponged();
        return true;
      case "close":
        this.connection?.closed();
        return true;
      case "error":
        // After a broken frame, ws itself closes the socket with the right code.
        return true;
      default:
        return super.emit(event, ...args);
    }
  }
}

/**
 * Ends the reader of frames of a socket once. ws ends it twice when a peer leaves, and Node makes an error with a stack for
 * the second time, which nobody sees. It stands in place of `end` on the readers of this gateway's sockets alone.
 */
function endOnce(this: Writable, ...args: readonly unknown[]): Writable {
  if (this.writableEnded && args.length === 0) return this;
  return Reflect.apply(Writable.prototype.end, this, args) as Writable;
}

const connectionOf: unique symbol = Symbol("connection");

interface RawSocket extends Duplex {
  [connectionOf]?: WebSocketConnection;
}

/** Frames that wait until the core reads again: the latest ping of the peer, and a message to inflate. */
interface Waiting {
  readonly ping?: Buffer;
  readonly inflate?: () => void;
}

/** Properties of a connection that are fixed before it begins. */
export interface WebSocketTerms {
  readonly encoder: Encoder;
  readonly consumer: ConsumerKind;
  readonly maxMessageBytes: number;
  /** Address under which the connection counts; undefined if its address has no limit. */
  readonly address: string | undefined;
}

/** Keeper of the sockets whose credential is not verified. */
interface Unverified {
  verified(socket: Duplex): boolean;
}

/**
 * The core's transport of one WebSocket.
 *
 * Data is written straight to the raw socket, already framed, and compressed if the client agreed. The ws
 * library reads messages, and sends pings and close frames. It compresses nothing and so has no queue of its
 * own: bytes leave in the order of the calls.
 */
export class WebSocketConnection implements Transport {
  readonly encoder: Encoder;
  readonly consumer: ConsumerKind;
  readonly address: string | undefined;
  readonly #ws: GatewaySocket;
  readonly #socket: RawSocket;
  readonly #onClosed: (connection: WebSocketConnection) => void;
  readonly #maxMessageBytes: number;
  #events: TransportEvents | undefined;
  /** Bytes received since `restrain`; undefined while reading is not restrained. */
  #unverifiedBytes: number | undefined;
  /** Keeper of the socket until its credential is verified. */
  #unverified: Unverified | undefined;
  /** False while the core does not read what the peer sends. */
  #isReading = true;
  #waiting: Waiting | undefined;

  constructor(
    ws: GatewaySocket,
    socket: Duplex,
    { encoder, consumer, maxMessageBytes, address }: WebSocketTerms,
    onClosed: (connection: WebSocketConnection) => void,
  ) {
    this.#maxMessageBytes = maxMessageBytes;
    this.encoder = encoder;
    this.consumer = consumer;
    this.address = address;
    this.#onClosed = onClosed;
    this.#ws = ws;
    this.#socket = socket;
    ws.serve(this);
    this.#socket[connectionOf] = this;
    socket.on("drain", onDrain);
  }

  /**
   * Sets the receiver of the transport's events. No event can come earlier, because ws reads only in later
   * ticks.
   */
  attach(events: TransportEvents): void {
    this.#events = events;
  }

  /**
   * Limits reading until the peer's credential is verified.
   *
   * An unverified peer must not make the gateway hold a large message. What the peer sends beyond the limit
   * waits in the peer's own buffers. `keeper` learns when the credential is verified.
   */
  restrain(keeper: Unverified): void {
    this.#unverified = keeper;
    this.#unverifiedBytes = 0;
    this.#socket.on("data", onUnverifiedData);
  }

  verified(): void {
    this.#unverified?.verified(this.#socket);
    this.#unverified = undefined;
    this.#trust();
  }

  write(bytes: Uint8Array): void {
    if (this.#ws.readyState !== WebSocket.OPEN) return;
    this.#socket.write(bytes);
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  close(code: number, reason: string): void {
    this.#ws.close(code, fitting(reason));
    // A paused socket would never read the peer's answer to the close.
    this.#trust();
  }

  terminate(): void {
    this.#ws.terminate();
    // ws reports the end only once it has finished the message that it reads.
    this.resumeReading();
  }

  ping(): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.ping();
  }

  /**
   * Maximum size of a message after inflation, in bytes; 64 KiB while the peer's credential is not verified.
   */
  get maxMessageBytes(): number {
    return this.#unverifiedBytes === undefined ? this.#maxMessageBytes : maxUnverifiedBytes;
  }

  received(data: RawData, isBinary: boolean): void {
    const events = this.#events;
    if (isBinary !== (this.encoder.dialect === "milepost.v1.msgpack")) events?.onUnsupportedFrame();
    else if (isBinary) {
      // ws delivers a message as one Buffer by default.
      events?.onBinary(data as Buffer, splitMsgpackFrame);
    } else events?.onText(data.toString());
  }

  pauseReading(): void {
    this.#isReading = false;
    this.#ws.pause();
  }

  resumeReading(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#ws.resume();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting?.ping !== undefined) this.#pong(waiting.ping);
    waiting?.inflate?.();
  }

  pinged(payload: Buffer): void {
    if (this.#events?.onControl() === true) this.#pong(payload);
    // Of several pings, only the latest needs an answer.
    else if (!this.#isReading) this.#waiting = { ...this.#waiting, ping: Buffer.from(payload) };
  }

  /** Handles a pong of the peer. */
  ponged(): void {
    this.#events?.onControl();
  }

  /** Inflates a message now, or once the client may send again; ws reads nothing behind it before. */
  inflateInTurn(inflate: () => void): void {
    if (this.#isReading) inflate();
    else this.#waiting = { ...this.#waiting, inflate };
  }

  readUnverified(count: number): void {
    if (this.#unverifiedBytes === undefined) return;
    this.#unverifiedBytes += count;
    if (this.#unverifiedBytes > maxUnverifiedBytes) this.#ws.pause();
  }

  drained(): void {
    this.#events?.onDrain();
  }

  closed(): void {
    const events = this.#events;
    this.#events = undefined;
    this.#socket.removeListener("drain", onDrain);
    events?.onClose();
    this.#onClosed(this);
  }

  #pong(payload: Buffer): void {
    // A peer that sends pings but does not read gets no pongs, since they would pile up.
    if (this.bufferedBytes < maxBytesBeforePong && this.#ws.readyState === WebSocket.OPEN) {
      this.#ws.pong(payload);
    }
  }

  #trust(): void {
    if (this.#unverifiedBytes === undefined) return;
    this.#unverifiedBytes = undefined;
    this.#socket.removeListener("data", onUnverifiedData);
    if (this.#isReading) this.#ws.resume();
  }
}

const maxReasonBytes = 123;
const maxBytesBeforePong = 16 * 1024;
/** Limit for an unverified peer, in bytes: room for the longest token and many pings. */
const maxUnverifiedBytes = 64 * 1024;

/** Cuts a reason, between characters, to the bytes that fit into a close frame. */
function fitting(reason: string): string {
  if (Buffer.byteLength(reason) <= maxReasonBytes) return reason;
  const { read } = new TextEncoder().encodeInto(reason, new Uint8Array(maxReasonBytes));
  return reason.slice(0, read);
}

function onUnverifiedData(this: RawSocket, chunk: Buffer): void {
  this[connectionOf]?.readUnverified(chunk.byteLength);
}

function onDrain(this: RawSocket): void {
  this[connectionOf]?.drained();
}

import type { ConsumerKind } from "@milepost/engine";
import type {
  ChannelNumber,
  DialectName,
  NumberMessage,
  Parsed,
  Publication,
  ServerMessage,
} from "@milepost/protocol";

/**
 * Encoder of a door's messages. One object serves all connections of a door and dialect. So the hub encodes and
 * frames each batch once, and writes the same bytes to every one of them.
 */
export interface Encoder {
  readonly dialect: DialectName;
  /** True if the encoder writes publications in the short form when it gets the number of their log. */
  readonly isShort?: true;
  /**
   * Encodes a batch of consecutive publications of one channel, framed, in one buffer. Plain frames carry
   * `cursorOf(publication)` as their event_id; the SDK's dialect ignores it. With the `number` of their log, which the
   * client must know, publications have the short form if the encoder writes it.
   */
  encodeBatch(
    publications: readonly Publication[],
    cursorOf: (publication: Publication) => string,
    number?: ChannelNumber,
  ): Uint8Array;
  /** Encodes any other message, framed. */
  encodeMessage(message: ServerMessage | NumberMessage): Uint8Array;
  /** Encodes a complete JSON document as one frame, for feeds. */
  encodeText(text: string): Uint8Array;
}

/** Connection to a peer, as the core sees it. A door implements it; tests use one in memory. */
export interface Transport {
  readonly encoder: Encoder;
  /** Kind of consumer at the other end, for statistics; a plain WebSocket when absent. */
  readonly consumer?: ConsumerKind;
  /**
   * True for a transport that lasts only as long as one request. Its connection is not entered in the
   * connection registry, and does not count in statistics and limits.
   */
  readonly passes?: true;
  /** Interval of `ping`, in milliseconds; that of the node when absent. */
  readonly pingIntervalMs?: number;
  /**
   * Writes bytes. Called once per tick and connection, or once for each part that is too large to be copied
   * together with others. Never throws.
   */
  write(bytes: Uint8Array): void;
  /** Bytes written that the transport still buffers. */
  readonly bufferedBytes: number;
  /** Closes with a code and a reason of at most 123 bytes. */
  close(code: number, reason: string): void;
  /** Closes the connection without a closing handshake, for a peer that is gone or does not read. */
  terminate(): void;
  /** Called once the peer's credential is verified: from then on it may send large messages. */
  verified?(): void;
  /**
   * Stops reading from the peer, or continues. What the peer sends meanwhile waits in its own buffers. A transport whose
   * peer sends by requests of its own cannot stop.
   */
  pauseReading?(): void;
  resumeReading?(): void;
  /** Asks the peer to show that it is alive, where the transport can do so (a WebSocket ping). */
  ping(): void;
}

/** Splits a binary frame into the values of its messages. */
export type SplitFrame = (bytes: Uint8Array) => Parsed<readonly unknown[]>;

/**
 * Events of a connection that a door reports to the core. The core returns this object when the door attaches a
 * transport.
 */
export interface TransportEvents {
  /** Handles a text frame. */
  onText(text: string): void;
  /** Handles a binary frame; `split` decodes it into the values of its messages, or says why it cannot. */
  onBinary(bytes: Uint8Array, split: SplitFrame): void;
  /** Handles a frame that this dialect does not carry: binary in a text dialect, or text in a binary one. */
  onUnsupportedFrame(): void;
  /** Handles anything that shows that the peer is alive, except messages and control frames. */
  onAlive(): void;
  /**
   * Handles a control frame of the transport, such as a WebSocket ping or pong. Returns false if the peer sends too many,
   * so that a ping must not be answered before reading continues.
   */
  onControl(): boolean;
  /** Called when the transport has room again. */
  onDrain(): void;
  /** Called once the transport is closed, for whatever reason; no other event follows. */
  onClose(): void;
}

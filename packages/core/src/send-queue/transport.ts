import type { ConsumerKind } from "@milepost/engine";
import type { DialectName, Parsed, Publication, ServerMessage } from "@milepost/protocol";

/**
 * How a door's messages become bytes. One object serves all connections of a door and dialect, so that
 * the hub encodes and frames each batch once and hands the same bytes to every one of them.
 */
export interface Encoder {
  readonly dialect: DialectName;
  /**
   * A batch of consecutive publications of one channel, framed, in one buffer. Plain frames carry
   * `cursorOf(publication)` as their event_id; the SDK's dialect ignores it.
   */
  encodeBatch(
    publications: readonly Publication[],
    cursorOf: (publication: Publication) => string,
  ): Uint8Array;
  /** Any other message, framed. */
  encodeMessage(message: ServerMessage): Uint8Array;
  /** A complete JSON document as one frame: for feeds. */
  encodeText(text: string): Uint8Array;
}

/** The tiny socket that the core sees; a door implements it, tests have one in memory. */
export interface Transport {
  readonly encoder: Encoder;
  /** What is at its other end, for the count; a plain WebSocket when absent. */
  readonly consumer?: ConsumerKind;
  /** Only passes: nobody stays at its other end, so it is in no list of connections. */
  readonly passes?: true;
  /** Hands bytes over; called once per tick and connection, or once for each part that is too large to be copied together. Never throws. */
  write(bytes: Uint8Array): void;
  /** Bytes handed over that the peer's kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** Closes with a code and a reason of at most 123 bytes. */
  close(code: number, reason: string): void;
  /** Tears the connection down without a goodbye: the peer is gone or does not read. */
  terminate(): void;
  /** The peer's credential was verified: from here on it may send large messages. */
  verified?(): void;
  /** Asks the peer's transport for a sign of life (a WebSocket ping), where the transport has such a thing. */
  ping(): void;
}

/** What a door tells the core about a connection; the core hands it out when the door attaches one. */
export interface TransportEvents {
  /** A text frame arrived. */
  onText(text: string): void;
  /**
   * A frame of `length` bytes arrived in a dialect that is no text, which the door has taken apart into the values of
   * its messages; or why it could not.
   */
  onValues(frame: Parsed<readonly unknown[]>, length: number): void;
  /** A frame arrived that this dialect does not carry (binary on a dialect of text, or text on one of bytes). */
  onUnsupportedFrame(): void;
  /** Any sign of life, pongs of the transport included. */
  onAlive(): void;
  /** The transport has room again. */
  onDrain(): void;
  /** The transport is closed, for whatever reason; nothing else is called afterwards. */
  onClose(): void;
}

/** Encoding of binary WebSocket frames. The default encoding, JSON text, needs no codec. */
export interface Codec {
  /**
   * Subprotocol that the client offers for this encoding; if the gateway does not choose it, both sides use
   * JSON.
   */
  readonly subprotocol: string;
  /** Encodes a value that was parsed from JSON. */
  encode(value: unknown): Uint8Array<ArrayBuffer>;
  /** Decodes a frame; returns undefined when it cannot be read. Never throws. */
  decode(frame: Uint8Array): unknown;
}

/** How frames of a WebSocket look that are no text; JSON needs none. */
export interface Codec {
  /** What a client offers to speak it; a service that does not speak it is spoken to in JSON. */
  readonly subprotocol: string;
  /** Writes a value that came out of JSON. */
  encode(value: unknown): Uint8Array<ArrayBuffer>;
  /** Reads a frame; undefined when it makes no sense. Never throws. */
  decode(frame: Uint8Array): unknown;
}

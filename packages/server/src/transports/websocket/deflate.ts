import { constants, deflateRawSync, inflateRawSync } from "node:zlib";

/** Extension header with which the server accepts an offer: neither side keeps a context between messages. */
export const deflateAnswer =
  "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/**
 * True when an offer in a `Sec-WebSocket-Extensions` header is a compression that this server supports (RFC
 * 7692).
 *
 * The server skips an offer that requires a smaller server window or has an unknown parameter, because
 * compressed bytes are shared by all subscribers.
 */
export function offersDeflate(header: string | undefined): boolean {
  return (header ?? "").split(",").some((offer) => {
    const [name, ...parameters] = offer.split(";").map((part) => part.trim());
    return name === "permessage-deflate" && parameters.every((text) => knownParameter.test(text));
  });
}

const knownParameter =
  /^(server_no_context_takeover|client_no_context_takeover|client_max_window_bits(="?\d+"?)?|server_max_window_bits="?15"?)$/;

/**
 * Size below which payloads are sent uncompressed, in bytes: they would gain little, and compression would
 * delay them.
 */
export const minDeflatedBytes = 1_024;

/** Bytes at the end of every deflated message; RFC 7692 leaves them out of the payload. */
const tail = Buffer.from([0x00, 0x00, 0xff, 0xff]);

// On JSON, this level takes a third of the time of the default level, and its output is hardly larger.
const level = 3;

/**
 * Deflates the payload of a message, or the rest of one that begins with other parts such as {@link stored}.
 */
export function deflate(payload: Uint8Array): Uint8Array {
  const bytes = deflateRawSync(payload, { level, finishFlush: constants.Z_SYNC_FLUSH });
  return bytes.subarray(0, bytes.length - tail.length);
}

/** Stores bytes uncompressed, in the form of the beginning of a deflated message. */
export function stored(bytes: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; from += maxStoredBytes) {
    const part = bytes.subarray(from, from + maxStoredBytes);
    const header = Buffer.alloc(5);
    header.writeUInt16LE(part.length, 1);
    header.writeUInt16LE(~part.length & 0xffff, 3);
    blocks.push(header, part);
  }
  return Buffer.concat(blocks);
}

const maxStoredBytes = 0xffff;

/**
 * Inflates the payload of a message. Returns undefined when it exceeds `maxBytes`; throws when it is not
 * deflated data.
 */
export function inflate(payload: Uint8Array, maxBytes: number): Uint8Array | undefined {
  try {
    return inflateRawSync(Buffer.concat([payload, tail]), {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: maxBytes,
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

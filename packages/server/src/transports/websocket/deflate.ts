import { constants, deflateRawSync, inflateRawSync } from "node:zlib";

/** What a server answers to an offer it takes: neither side keeps anything from one message to the next. */
export const deflateAnswer =
  "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/**
 * Whether one of the offers of a `Sec-WebSocket-Extensions` header is compression as this server does it (RFC 7692).
 *
 * An offer that demands a smaller window of the server is left alone: bytes are made once for all readers.
 */
export function offersDeflate(header: string | undefined): boolean {
  return (header ?? "").split(",").some((offer) => {
    const [name, ...parameters] = offer.split(";").map((part) => part.trim());
    return name === "permessage-deflate" && parameters.every((text) => knownParameter.test(text));
  });
}

const knownParameter =
  /^(server_no_context_takeover|client_no_context_takeover|client_max_window_bits(="?\d+"?)?|server_max_window_bits="?15"?)$/;

/** Payloads below this are sent as they are: they would gain little, and most readers wait for them. */
export const minDeflatedBytes = 1_024;

/** What every deflated message would end with, and therefore does not. */
const tail = Buffer.from([0x00, 0x00, 0xff, 0xff]);

// A third of the time of the default on JSON, and hardly larger.
const level = 3;

/** The payload of a deflated message: a part of one, too, when others go before it. */
export function deflate(payload: Uint8Array): Uint8Array {
  const bytes = deflateRawSync(payload, { level, finishFlush: constants.Z_SYNC_FLUSH });
  return bytes.subarray(0, bytes.length - tail.length);
}

/** Bytes as they are, in the form of a deflated message's beginning. */
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

/** The message in a deflated payload; undefined when it is over `maxBytes`. Throws when it is no such payload. */
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

import { deflateRawSync } from "node:zlib";

/** Opcodes of the frames that attacks send. */
const text = 1;
const ping = 9;
const compressed = 0x40;

/**
 * Builds a client's frame of any length. Its mask is zero, which the standard allows, so that building a frame costs
 * little.
 */
function frame(opcode: number, payload: Uint8Array, flags = 0): Buffer {
  const { length } = payload;
  const size = length < 126 ? 0 : length < 2 ** 16 ? 2 : 8;
  const head = Buffer.alloc(2 + size + 4);
  head[0] = 0x80 | flags | opcode;
  head[1] = 0x80 | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size === 2) head.writeUInt16BE(length, 2);
  if (size === 8) head.writeUIntBE(length, 4, 6);
  return Buffer.concat([head, payload]);
}

/** Builds a text frame. */
export function textFrame(content: string): Buffer {
  return frame(text, Buffer.from(content));
}

/** Builds a text frame with one message. */
export function messageFrame(message: unknown): Buffer {
  return textFrame(JSON.stringify(message));
}

/** Builds a ping frame. */
export function pingFrame(): Buffer {
  return frame(ping, Buffer.alloc(0));
}

/** Builds a compressed text frame, whose content may be far larger than the frame. */
export function deflatedFrame(content: string): Buffer {
  const bytes = deflateRawSync(content, { level: 9 });
  // The end-of-block marker of a synchronised stream is left out of the payload; a final block is valid as well.
  return frame(text, Buffer.concat([bytes, Buffer.alloc(1)]), compressed);
}

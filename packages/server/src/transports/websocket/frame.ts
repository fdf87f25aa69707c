/**
 * Encodes texts as WebSocket text frames, back to back in one buffer, so that many frames need one write.
 *
 * Server frames are not masked: a header of 2, 4 or 10 bytes, then the text as UTF-8.
 */
export function frameTexts(texts: readonly string[]): Uint8Array {
  let size = 0;
  const lengths: number[] = [];
  for (const text of texts) {
    const length = Buffer.byteLength(text);
    lengths.push(length);
    size += headerBytes(length) + length;
  }
  const frames = Buffer.allocUnsafe(size);
  let at = 0;
  for (const [index, text] of texts.entries()) {
    at = writeHeader(frames, at, lengths[index] ?? 0);
    at += frames.write(text, at);
  }
  return frames;
}

/** Encodes a text as one text frame. */
export function frameText(text: string): Uint8Array {
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headerBytes(length) + length);
  frame.write(text, writeHeader(frame, 0, length));
  return frame;
}

/** Encodes a payload as one binary frame. */
export function frameBytes(payload: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(headerBytes(payload.length) + payload.length);
  frame.set(payload, writeHeader(frame, 0, payload.length, finalBinary));
  return frame;
}

/** Encodes a compressed payload, passed as a list of parts, as one frame. */
export function deflatedFrame(parts: readonly Uint8Array[], isBinary: boolean): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const frame = Buffer.allocUnsafe(headerBytes(length) + length);
  const firstByte = compressed | (isBinary ? finalBinary : finalText);
  let at = writeHeader(frame, 0, length, firstByte);
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** Reads frames that were written back to back; yields each whole frame and its payload. */
export function* readFrames(
  bytes: Uint8Array,
): Generator<{ frame: Uint8Array; payload: Uint8Array; isBinary: boolean }, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const short = view.getUint8(at + 1);
    const [header, length] =
      short === length64
        ? [10, view.getUint32(at + 6)]
        : short === length16
          ? [4, view.getUint16(at + 2)]
          : [2, short];
    const end = at + header + length;
    yield {
      frame: bytes.subarray(at, end),
      payload: bytes.subarray(at + header, end),
      isBinary: view.getUint8(at) === finalBinary,
    };
    at = end;
  }
}

const finalText = 0x81;
const finalBinary = 0x82;
const compressed = 0x40;
const length16 = 126;
const length64 = 127;

function headerBytes(length: number): number {
  if (length < length16) return 2;
  return length < 2 ** 16 ? 4 : 10;
}

/** Writes a frame's header at an offset and returns the offset of its payload. */
function writeHeader(frame: Buffer, at: number, length: number, firstByte = finalText): number {
  frame[at] = firstByte;
  if (length < length16) {
    frame[at + 1] = length;
    return at + 2;
  }
  if (length < 2 ** 16) {
    frame[at + 1] = length16;
    return frame.writeUInt16BE(length, at + 2);
  }
  frame[at + 1] = length64;
  frame.writeUInt16BE(0, at + 2);
  return frame.writeUIntBE(length, at + 4, 6);
}

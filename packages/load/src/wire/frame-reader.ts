/** Opcodes of the WebSocket standard that a server may send, except the continuation. */
export const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/**
 * Receives a frame. Its payload is `bytes[start]` up to, not including, `bytes[end]` and is valid during the
 * call only.
 */
export type OnFrame = (opcode: number, bytes: Buffer, start: number, end: number) => void;

/**
 * Splits the byte stream of a WebSocket server into frames.
 *
 * Built to be cheap: only a frame that is cut by the end of a chunk is copied. Such a frame is held whole and
 * without a bound, so use it with trusted servers only. Throws on what a server must not send (masked frames,
 * reserved bits) and on what the benchmark's servers never send (fragmented messages).
 */
export class FrameReader {
  readonly #onFrame: OnFrame;
  #rest: Buffer | undefined;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Reads the first `length` bytes of `chunk`. The caller may reuse `chunk` afterwards. */
  push(chunk: Buffer, length: number): void {
    let bytes = chunk;
    let size = length;
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, chunk.subarray(0, length)]);
      size = bytes.length;
      this.#rest = undefined;
    }
    let at = 0;
    while (size - at >= 2) {
      const first = bytes[at] ?? 0;
      const second = bytes[at + 1] ?? 0;
      const opcode = first & 0x0f;
      if ((first & 0x70) !== 0) throw new Error("a frame from the server has reserved bits set");
      if ((first & 0x80) === 0 || opcode === 0)
        throw new Error("the server sent a message in fragments");
      if ((second & 0x80) !== 0) throw new Error("a frame from the server is masked");
      let start = at + 2;
      let payload = second;
      if (second === 126) {
        start += 2;
        if (size < start) break;
        payload = bytes.readUInt16BE(at + 2);
      } else if (second === 127) {
        start += 8;
        if (size < start) break;
        payload = bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6);
      }
      const end = start + payload;
      if (size < end) break;
      this.#onFrame(opcode, bytes, start, end);
      at = end;
    }
    if (at < size) this.#rest = Buffer.from(bytes.subarray(at, size));
  }
}

import { connect, type Socket } from "node:net";
import { constants, inflateRawSync } from "node:zlib";
import { upgradeRequest } from "./raw-http.ts";
import type { Message } from "./test-socket.ts";

/** Returns a masked client frame with the given first byte and a payload of at most 64 KiB. */
export function maskedFrame(firstByte: number, text: string): Buffer {
  const payload = Buffer.from(text);
  const mask = [0x11, 0x22, 0x33, 0x44];
  const header =
    payload.length < 126
      ? [firstByte, 0x80 | payload.length, ...mask]
      : [firstByte, 0x80 | 126, payload.length >> 8, payload.length & 0xff, ...mask];
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([Buffer.from(header), masked]);
}

/**
 * WebSocket client on a raw socket, for frames that no proper client would send or read. It never answers a
 * close frame. A gateway that shuts down waits 2 s for that answer, so a test must dispose of the client first.
 */
export class RawWebSocket implements Disposable {
  readonly socket: Socket;
  /** Code of the close frame; undefined if the socket closed without one. */
  readonly closeCode: Promise<number | undefined>;
  readonly #messages: Message[] = [];
  #waiting: ((message: Message) => void) | undefined;
  #pending = Buffer.alloc(0);
  #upgraded = false;
  #onClose: (code: number | undefined) => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    this.closeCode = new Promise((resolve) => {
      this.#onClose = resolve;
    });
    socket.on("error", () => {});
    socket.on("close", () => this.#onClose(undefined));
    socket.on("data", (chunk) => {
      this.#pending = Buffer.concat([this.#pending, chunk]);
      this.#read();
    });
  }

  static async open(port: number, path: string, token: string): Promise<RawWebSocket> {
    const socket = connect(port, "127.0.0.1");
    socket.write(upgradeRequest(path, { Authorization: `Bearer ${token}` }));
    return new RawWebSocket(socket);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  /** Resolves with the next text frame, parsed as JSON. */
  next(): Promise<Message> {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift());
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  #read(): void {
    if (!this.#upgraded) {
      const end = this.#pending.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#upgraded = true;
      this.#pending = this.#pending.subarray(end + 4);
    }
    for (;;) {
      const frame = this.#takeFrame();
      if (frame === undefined) return;
      if (frame.opcode === 0x8) this.#onClose(frame.payload.readUInt16BE(0));
      if (frame.opcode === 0x1) this.#arrive(JSON.parse(frame.payload.toString()));
    }
  }

  #takeFrame(): { opcode: number; payload: Buffer } | undefined {
    const bytes = this.#pending;
    if (bytes.length < 2) return undefined;
    let length = bytes.readUInt8(1);
    let at = 2;
    if (length === 126) {
      if (bytes.length < 4) return undefined;
      length = bytes.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return undefined;
      length = bytes.readUIntBE(4, 6);
      at = 10;
    }
    if (bytes.length < at + length) return undefined;
    this.#pending = bytes.subarray(at + length);
    const firstByte = bytes.readUInt8(0);
    const carried = bytes.subarray(at, at + length);
    const payload =
      (firstByte & 0x40) === 0
        ? carried
        : inflateRawSync(carried, { finishFlush: constants.Z_SYNC_FLUSH });
    return { opcode: firstByte & 0x0f, payload };
  }

  #arrive(message: Message): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#messages.push(message);
    else waiting(message);
  }
}

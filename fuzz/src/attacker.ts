import { connect, type Socket } from "node:net";
import { constants, inflateRawSync } from "node:zlib";
import { type DialectName, decodeMsgpack, encodeMsgpack, shortReader } from "@milepost/protocol";
import { anyFrameText, unmarked } from "./any-message.ts";
import type { Random } from "./random.ts";
import { brokenFrames, frameOf, opcodes, validFrames } from "./web-socket-frame.ts";

const dialects: readonly DialectName[] = ["plain", "milepost.v1.json", "milepost.v1.msgpack"];
const framesPerConnection = 200;
const answerMs = 30_000;

/** Address and credentials by which an attacker reaches the gateway. */
export interface Target {
  readonly port: number;
  readonly token: string;
  /** Text that no attacker may ever receive. */
  readonly secret: string;
  /** Reports something that must not happen. */
  readonly onFault: (what: string) => void;
}

/**
 * Opens one connection, sends up to `frames` hostile frames, and waits until the gateway has read them: it has answered
 * the ping at their end, or has closed the connection. Resolves with the number of frames sent.
 */
export async function attack(target: Target, random: Random, frames: number): Promise<number> {
  const attacker = new Attacker(target, random);
  try {
    return await attacker.run(Math.min(frames, 1 + random.below(framesPerConnection)));
  } finally {
    attacker.end();
  }
}

class Attacker {
  readonly #target: Target;
  readonly #random: Random;
  readonly #dialect: DialectName;
  readonly #isShort: boolean;
  /** Returns what a client reads in a frame, which may have the short form. */
  readonly #long = shortReader();
  readonly #deflates: boolean;
  readonly #socket: Socket;
  readonly #ended: Promise<void>;
  #onPong: () => void = () => {};
  #received: Buffer = Buffer.alloc(0);
  #isOpen = false;
  #isClosing = false;

  constructor(target: Target, random: Random) {
    this.#target = target;
    this.#random = random;
    this.#dialect = random.pick(dialects);
    this.#isShort = random.chance(0.5);
    this.#deflates = random.chance(0.25);
    this.#socket = connect(target.port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.on("error", () => {});
    this.#ended = new Promise((resolve) => this.#socket.on("close", () => resolve()));
    this.#socket.on("data", (chunk) => this.#read(chunk));
  }

  async run(frames: number): Promise<number> {
    const random = this.#random;
    const isLate = random.chance(0.15);
    this.#socket.write(this.#upgrade(isLate ? undefined : this.#target.token));
    if (isLate && random.chance(0.8)) {
      this.#write(`{"type":"auth","id":0,"token":${JSON.stringify(this.#target.token)}}`, true);
    }
    for (let sent = 0; sent < frames; sent++) {
      if (this.#socket.destroyed || this.#isClosing) return sent + 1;
      this.#write(anyFrameText(random), false);
      if (this.#socket.writableNeedDrain) await this.#drained();
    }
    await this.#answered();
    if (random.chance(0.4)) this.#socket.write(brokenFrames(random));
    this.#socket.end();
    return frames;
  }

  end(): void {
    this.#socket.destroy();
  }

  /** Resolves once the gateway answers a ping, or the connection ends. */
  async #answered(): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#onPong = resolve;
    });
    this.#write('{"type":"ping","id":"last"}', true);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#target.onFault(`a ${this.#dialect} connection was not answered in ${answerMs} ms`);
        resolve();
      }, answerMs);
    });
    await Promise.race([answered, this.#ended, late]);
    clearTimeout(timer);
  }

  #drained(): Promise<void> {
    const drained = new Promise<void>((resolve) => this.#socket.once("drain", resolve));
    return Promise.race([drained, this.#ended]);
  }

  #upgrade(token: string | undefined): string {
    const name = `${this.#dialect}${this.#isShort ? ".short" : ""}`;
    const offered = this.#dialect === "plain" ? undefined : name;
    return [
      `GET /ws${this.#random.chance(0.3) ? "/fuzz/a" : ""} HTTP/1.1`,
      "Host: localhost",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "Sec-WebSocket-Version: 13",
      ...(offered === undefined ? [] : [`Sec-WebSocket-Protocol: ${offered}`]),
      ...(this.#deflates ? ["Sec-WebSocket-Extensions: permessage-deflate"] : []),
      ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
      "\r\n",
    ].join("\r\n");
  }

  /** Writes a text as a message of the connection's dialect, in one frame if it must arrive. */
  #write(text: string, isPlain: boolean): void {
    const random = this.#random;
    const isBinary = this.#dialect === "milepost.v1.msgpack";
    const payload = isBinary ? packed(text, random) : Buffer.from(text);
    const wrong = !isPlain && random.chance(0.01);
    const opcode = isBinary !== wrong ? opcodes.binary : opcodes.text;
    const bytes = isPlain
      ? frameOf(0x80 | opcode, payload)
      : validFrames(opcode, payload, random, this.#deflates);
    if (random.chance(0.02) && bytes.length > 1) {
      const at = 1 + random.below(bytes.length - 1);
      this.#socket.write(bytes.subarray(0, at));
      this.#socket.write(bytes.subarray(at));
    } else this.#socket.write(bytes);
  }

  #read(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    if (!this.#isOpen) {
      const end = this.#received.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = this.#received.toString("latin1", 0, end);
      if (!head.startsWith("HTTP/1.1 101")) this.#fault(`the upgrade was answered with ${head}`);
      this.#isOpen = true;
      this.#received = this.#received.subarray(end + 4);
    }
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) this.#judge(frame);
  }

  #take(): { readonly first: number; readonly payload: Buffer } | undefined {
    const bytes = this.#received;
    if (bytes.length < 2) return undefined;
    const short = bytes.readUInt8(1);
    const at = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < at) return undefined;
    const length =
      short === 126 ? bytes.readUInt16BE(2) : short === 127 ? bytes.readUIntBE(4, 6) : short;
    if (bytes.length < at + length) return undefined;
    this.#received = bytes.subarray(at + length);
    return { first: bytes.readUInt8(0), payload: bytes.subarray(at, at + length) };
  }

  #judge({ first, payload }: { readonly first: number; readonly payload: Buffer }): void {
    const opcode = first & 0x0f;
    if (opcode === opcodes.close) {
      this.#isClosing = true;
      if (payload.length >= 2 && payload.readUInt16BE(0) === 1011)
        this.#fault(`closed with 1011: ${payload.toString("utf8", 2)}`);
      this.#socket.end();
      return;
    }
    if (opcode !== opcodes.text && opcode !== opcodes.binary) return;
    const whole =
      (first & 0x40) === 0
        ? payload
        : inflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH });
    if (whole.includes(this.#target.secret)) this.#fault("an attacker received the secret");
    const value = this.#long(valueIn(whole, opcode === opcodes.binary));
    for (const message of Array.isArray(value) ? value : [value]) {
      if (typeof message === "object" && message !== null) this.#judgeMessage(message);
      else this.#fault(`a frame holds something that is no message: ${whole.toString("latin1")}`);
    }
  }

  #judgeMessage(message: Record<string, unknown>): void {
    const { type, id, error, channel, data } = message;
    if (id === "last" && (type === "pong" || type === "reply")) this.#onPong();
    if (type === "reply" && codeOf(error) === "internal")
      this.#fault(`answered with internal: ${JSON.stringify(message).slice(0, 500)}`);
    const at =
      typeof data === "object" && data !== null ? (data as { at?: unknown }).at : undefined;
    const isEvent = this.#dialect === "plain" ? type === "e" : type === "event";
    if (isEvent && typeof at === "string" && at !== channel)
      this.#fault(`data of ${at.slice(0, 100)} arrived in ${String(channel)}`);
  }

  #fault(what: string): void {
    this.#target.onFault(`${this.#dialect}: ${what}`);
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null
    ? (error as { code?: unknown }).code
    : undefined;
}

/** Returns a text as MessagePack: of its value if it is JSON, with damaged bytes now and then. */
function packed(text: string, random: Random): Buffer {
  const isDamaged = random.chance(0.05) && !text.includes('"last"');
  let bytes: Buffer;
  try {
    bytes = Buffer.from(encodeMsgpack(JSON.parse(isDamaged ? unmarked(text) : text)));
  } catch {
    return random.bytes(random.below(100));
  }
  if (!isDamaged) return bytes;
  const at = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), random.bytes(random.below(4)), bytes.subarray(at)]);
}

function valueIn(payload: Buffer, isBinary: boolean): unknown {
  if (!isBinary) return JSON.parse(payload.toString());
  const decoded = decodeMsgpack(payload, { maxDepth: 256, rounds: true });
  return decoded.ok ? decoded.value : undefined;
}

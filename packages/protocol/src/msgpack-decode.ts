import { MilepostError, type Parsed, parsed } from "./failure.ts";
import { maxJsonDepth } from "./json.ts";

/**
 * Decodes one msgpack value whose content JSON could also express.
 *
 * Refuses with `bad_message` bytes that are not msgpack or that hold more than one value. Refuses in the same
 * way values that JSON does not have: extensions, binary data, NaN and infinities, integers beyond 2^53, keys
 * that are not strings, and text that is not UTF-8. Refuses nesting deeper than `maxDepth` with `too_deep`.
 *
 * The result is the same as that of `JSON.parse`: of equal keys the last one counts, and `__proto__` is a key
 * like any other. The memory used is proportional to the number of bytes, whatever lengths the bytes claim.
 */
export function decodeMsgpack(bytes: Uint8Array, maxDepth = maxJsonDepth): Parsed<unknown> {
  const reader = new MsgpackReader(bytes, maxDepth);
  try {
    return parsed(reader.whole());
  } catch (error) {
    if (error instanceof MilepostError) return { ok: false, failure: error.toFailure() };
    throw error;
  }
}

const shortText = 24;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class MsgpackReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #maxDepth: number;
  #at = 0;

  constructor(bytes: Uint8Array, maxDepth: number) {
    this.#maxDepth = maxDepth;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  whole(): unknown {
    const value = this.#value(0);
    if (this.#at < this.#bytes.length) throw bad("a frame must be one msgpack value");
    return value;
  }

  #value(depth: number): unknown {
    const type = this.#bytes[this.#take(1)] ?? 0;
    if (type < 0x80) return type;
    if (type < 0x90) return this.#map(type & 0x0f, depth);
    if (type < 0xa0) return this.#array(type & 0x0f, depth);
    if (type < 0xc0) return this.#text(type & 0x1f);
    if (type >= 0xe0) return type - 0x100;
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        return finite(this.#view.getFloat32(this.#take(4)));
      case 0xcb:
        return finite(this.#view.getFloat64(this.#take(8)));
      case 0xcf:
        return safe(this.#view.getBigUint64(this.#take(8)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return safe(this.#view.getBigInt64(this.#take(8)));
      case 0xcc:
        return this.#uint(1);
      case 0xcd:
        return this.#uint(2);
      case 0xce:
        return this.#uint(4);
      case 0xd9:
        return this.#text(this.#uint(1));
      case 0xda:
        return this.#text(this.#uint(2));
      case 0xdb:
        return this.#text(this.#uint(4));
      case 0xdc:
        return this.#array(this.#uint(2), depth);
      case 0xdd:
        return this.#array(this.#uint(4), depth);
      case 0xde:
        return this.#map(this.#uint(2), depth);
      case 0xdf:
        return this.#map(this.#uint(4), depth);
      case 0xc4:
      case 0xc5:
      case 0xc6:
        throw bad("binary data cannot be carried in JSON; send it as text, for example base64");
      case 0xc1:
        throw bad("the frame is not valid msgpack");
      default:
        throw bad("msgpack extensions are not supported; send plain values");
    }
  }

  /** Consumes the next `count` bytes and returns the index at which they begin. */
  #take(count: number): number {
    const from = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) throw bad("the msgpack value is incomplete");
    return from;
  }

  #uint(size: 1 | 2 | 4): number {
    const from = this.#take(size);
    if (size === 1) return this.#view.getUint8(from);
    return size === 2 ? this.#view.getUint16(from) : this.#view.getUint32(from);
  }

  #array(count: number, depth: number): unknown[] {
    const inside = this.#deeper(depth);
    // The list grows with the items that are read, because the count in the header cannot be trusted.
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) items.push(this.#value(inside));
    return items;
  }

  #map(count: number, depth: number): Record<string, unknown> {
    const inside = this.#deeper(depth);
    const record: Record<string, unknown> = {};
    for (let i = 0; i < count; i++) {
      const name = this.#value(inside);
      if (typeof name !== "string") throw bad("the keys of a map must be strings");
      const value = this.#value(inside);
      // A plain assignment to `__proto__` would set the prototype.
      if (name === "__proto__") define(record, name, value);
      else record[name] = value;
    }
    return record;
  }

  #deeper(depth: number): number {
    if (depth < this.#maxDepth) return depth + 1;
    const message = `a value may be nested ${this.#maxDepth} deep at most`;
    throw new MilepostError("too_deep", message);
  }

  #text(length: number): string {
    const from = this.#take(length);
    if (length < shortText) {
      const text = this.#shortText(from, length);
      if (text !== undefined) return text;
    }
    try {
      return utf8.decode(this.#bytes.subarray(from, from + length));
    } catch {
      throw bad("a string is not valid UTF-8");
    }
  }

  /** Decodes `length` bytes at `from` as ASCII text. Returns undefined if a byte is not ASCII. */
  #shortText(from: number, length: number): string | undefined {
    let text = "";
    for (let i = from; i < from + length; i++) {
      const byte = this.#bytes[i] ?? 0;
      if (byte >= 0x80) return undefined;
      text += String.fromCharCode(byte);
    }
    return text;
  }
}

function define(record: Record<string, unknown>, name: string, value: unknown): void {
  const own = { value, writable: true, enumerable: true, configurable: true };
  Object.defineProperty(record, name, own);
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value;
  throw bad("NaN and infinities cannot be carried in JSON; send null or text");
}

function safe(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw bad("integers past 2^53 lose precision in JSON; send them as text");
}

function bad(message: string): MilepostError {
  return new MilepostError("bad_message", message);
}

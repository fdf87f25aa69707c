import { MilepostError, type Parsed, parsed } from "./failure.ts";
import { maxJsonDepth } from "./json.ts";
import { JsonText } from "./json-text.ts";

/** Options of {@link decodeMsgpack}. */
export interface MsgpackDecoding {
  /** Maximum nesting depth; 64 by default. */
  readonly maxDepth?: number;
  /** True rounds integers beyond 2^53 to the nearest number, as `JSON.parse` does; by default they are refused. */
  readonly rounds?: boolean;
}

/**
 * Decodes one msgpack value whose content JSON could also express.
 *
 * Refuses with `bad_message` bytes that are not msgpack or that hold more than one value. Refuses in the same
 * way values that JSON does not have: extensions, binary data, NaN and infinities, keys that are not strings,
 * and text that is not UTF-8. Refuses integers beyond 2^53 unless `rounds` is set, and nesting deeper than
 * `maxDepth` with `too_deep`.
 *
 * The result is the same as that of `JSON.parse`: of equal keys the last one counts, and `__proto__` is a key
 * like any other. The memory used is proportional to the number of bytes, whatever lengths the bytes claim.
 */
export function decodeMsgpack(bytes: Uint8Array, how: MsgpackDecoding = {}): Parsed<unknown> {
  return outcomeOf(() => new MsgpackReader(bytes, how).whole());
}

/**
 * Decodes one msgpack value: a map, or an array of maps. The fields with these names become `JsonText`, in
 * which integers keep all their 64 bits and keys keep their order. Otherwise like {@link decodeMsgpack}.
 */
export function decodeMsgpackMessages(
  bytes: Uint8Array,
  carried: readonly string[],
): Parsed<unknown> {
  return outcomeOf(() => new MsgpackReader(bytes, {}).messages(carried));
}

function outcomeOf(decode: () => unknown): Parsed<unknown> {
  try {
    return parsed(decode());
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
  readonly #rounds: boolean;
  #at = 0;
  #mode: "plain" | "probing" | "exact" = "plain";
  /** True if the probed value has something that JavaScript's own objects and numbers would change. */
  #isMarked = false;

  constructor(bytes: Uint8Array, { maxDepth = maxJsonDepth, rounds = false }: MsgpackDecoding) {
    this.#maxDepth = maxDepth;
    this.#rounds = rounds;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  whole(): unknown {
    return this.#only(this.#value(0));
  }

  messages(carried: readonly string[]): unknown {
    const type = this.#bytes[0] ?? 0;
    const isArray = (type >= 0x90 && type < 0xa0) || type === 0xdc || type === 0xdd;
    if (!isArray) return this.#only(this.#message(carried, 0));
    this.#take(1);
    const count = type < 0xa0 ? type & 0x0f : this.#uint(type === 0xdc ? 2 : 4);
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) items.push(this.#message(carried, 1));
    return this.#only(items);
  }

  #only(value: unknown): unknown {
    if (this.#at < this.#bytes.length) throw bad("a frame must be one msgpack value");
    return value;
  }

  #message(carried: readonly string[], depth: number): unknown {
    const type = this.#bytes[this.#at] ?? 0;
    const isMap = (type >= 0x80 && type < 0x90) || type === 0xde || type === 0xdf;
    if (!isMap) return this.#value(depth);
    this.#take(1);
    const count = type < 0x90 ? type & 0x0f : this.#uint(type === 0xde ? 2 : 4);
    return this.#fields(count, depth, (name, inside) =>
      carried.includes(name) ? this.#carriedText(inside) : this.#value(inside),
    );
  }

  /** Reads a value as JSON text. Most values are quickest written by `JSON.stringify`. */
  #carriedText(depth: number): JsonText {
    const from = this.#at;
    this.#mode = "probing";
    this.#isMarked = false;
    let value = this.#value(depth);
    if (this.#isMarked) {
      this.#at = from;
      this.#mode = "exact";
      value = this.#value(depth);
    }
    this.#mode = "plain";
    return new JsonText(this.#isMarked ? exactJson(value) : JSON.stringify(value));
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
        return this.#finite(this.#view.getFloat32(this.#take(4)));
      case 0xcb:
        return this.#finite(this.#view.getFloat64(this.#take(8)));
      case 0xcf:
        return this.#whole(this.#view.getBigUint64(this.#take(8)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return this.#whole(this.#view.getBigInt64(this.#take(8)));
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

  #finite(value: number): number {
    if (!Number.isFinite(value)) {
      throw bad("NaN and infinities cannot be carried in JSON; send null or text");
    }
    if (Object.is(value, -0)) this.#isMarked = true;
    return value;
  }

  #whole(value: bigint): number | bigint {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    this.#isMarked = true;
    if (this.#mode !== "plain") return this.#mode === "exact" ? value : 0;
    if (this.#rounds) return number;
    throw bad("integers past 2^53 are allowed in data and params only; send them as text");
  }

  #array(count: number, depth: number): unknown[] {
    const inside = this.#deeper(depth);
    // The list grows with the items that are read, because the count in the header cannot be trusted.
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) items.push(this.#value(inside));
    return items;
  }

  #map(count: number, depth: number): Record<string, unknown> | Map<string, unknown> {
    if (this.#mode !== "exact") {
      return this.#fields(count, depth, (name, inside) => {
        // JavaScript lists keys that look like array indexes before all others.
        if (isDigit(name.charCodeAt(0))) this.#isMarked = true;
        return this.#value(inside);
      });
    }
    const inside = this.#deeper(depth);
    const entries = new Map<string, unknown>();
    for (let i = 0; i < count; i++) entries.set(this.#name(inside), this.#value(inside));
    return entries;
  }

  #name(depth: number): string {
    const name = this.#value(depth);
    if (typeof name !== "string") throw bad("the keys of a map must be strings");
    return name;
  }

  #fields(
    count: number,
    depth: number,
    read: (name: string, inside: number) => unknown,
  ): Record<string, unknown> {
    const inside = this.#deeper(depth);
    const record: Record<string, unknown> = {};
    for (let i = 0; i < count; i++) {
      const name = this.#name(inside);
      const value = read(name, inside);
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

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

/** Writes a value with maps and whole numbers of 64 bits as JSON. */
function exactJson(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (Object.is(value, -0)) return "-0";
  if (Array.isArray(value)) return `[${value.map(exactJson).join(",")}]`;
  if (!(value instanceof Map)) return JSON.stringify(value);
  const fields: string[] = [];
  for (const [name, field] of value) fields.push(`${JSON.stringify(name)}:${exactJson(field)}`);
  return `{${fields.join(",")}}`;
}

function bad(message: string): MilepostError {
  return new MilepostError("bad_message", message);
}

import { parseExactly } from "./json-exact.ts";
import { JsonText } from "./json-text.ts";

/**
 * Encodes a value as msgpack with the content that JSON would carry. Skips fields that `JSON.stringify` skips,
 * writes nil for values that `JSON.stringify` turns into null, and calls `toJSON`. The text of a `JsonText` is
 * read as {@link parseExactly} does.
 *
 * A whole number takes the shortest integer format, up to 32 bits. All other numbers are 64-bit floats, and a
 * BigInt is a 64-bit integer. Throws a RangeError for a BigInt of more than 64 bits and for a circular value.
 */
export function encodeMsgpack(value: unknown): Uint8Array {
  at = 0;
  writeValue(carried(value));
  const bytes = scratch.slice(0, at);
  if (scratch.length > keptBytes) setScratch(keptBytes);
  return bytes;
}

/** Joins encoded values into one encoded array. Returns a single value unchanged. */
export function joinMsgpack(values: readonly Uint8Array[]): Uint8Array {
  const [only] = values;
  if (only !== undefined && values.length === 1) return only;
  let size = 5;
  for (const { length } of values) size += length;
  at = 0;
  reserve(size);
  writeHeader(0x90, 0xdc, values.length);
  for (const bytes of values) {
    scratch.set(bytes, at);
    at += bytes.length;
  }
  return scratch.slice(0, at);
}

/**
 * Size of the encoding buffer that is reused, in bytes. A buffer that grew larger is replaced after the value
 * is encoded.
 */
const keptBytes = 64 * 1_024;
/** Text length, in UTF-16 units, below which a loop encodes faster than the platform's `TextEncoder`. */
const shortText = 48;

const utf8 = new TextEncoder();
// One shared buffer is enough, because values are encoded one at a time. During an encoding, `toJSON` is the
// only foreign code that runs, and it must not encode a value itself.
let scratch = new Uint8Array(keptBytes);
let view = new DataView(scratch.buffer);
let at = 0;

function setScratch(size: number): void {
  scratch = new Uint8Array(size);
  view = new DataView(scratch.buffer);
}

function reserve(size: number): void {
  if (at + size <= scratch.length) return;
  const before = scratch;
  setScratch(Math.max(scratch.length * 2, at + size));
  scratch.set(before.subarray(0, at));
}

/**
 * Returns the value that `JSON.stringify` would encode instead of `value`; undefined for a function or a
 * symbol, which JSON leaves out.
 */
function carried(value: unknown): unknown {
  if (typeof value !== "object" || value === null) {
    return typeof value === "function" || typeof value === "symbol" ? undefined : value;
  }
  if (value instanceof JsonText) return parseExactly(value.text);
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === "function" ? carried(toJSON.call(value)) : value;
}

function writeValue(value: unknown): void {
  reserve(9);
  switch (typeof value) {
    case "string":
      writeText(value);
      return;
    case "number":
      writeNumber(value);
      return;
    case "boolean":
      scratch[at++] = value ? 0xc3 : 0xc2;
      return;
    case "bigint":
      writeBigInt(value);
      return;
    case "object":
      if (value === null) break;
      if (Array.isArray(value)) {
        writeHeader(0x90, 0xdc, value.length);
        for (const item of value) writeValue(carried(item));
      } else if (value instanceof Map) {
        writeHeader(0x80, 0xde, value.size);
        for (const [name, item] of value) {
          writeText(String(name));
          writeValue(item);
        }
      } else writeFields(value as Record<string, unknown>);
      return;
  }
  scratch[at++] = 0xc0;
}

function writeFields(record: Record<string, unknown>): void {
  const names: string[] = [];
  const values: unknown[] = [];
  for (const name of Object.keys(record)) {
    const value = carried(record[name]);
    if (value === undefined) continue;
    names.push(name);
    values.push(value);
  }
  writeHeader(0x80, 0xde, names.length);
  for (const [i, name] of names.entries()) {
    writeText(name);
    writeValue(values[i]);
  }
}

/**
 * Writes the header of an array or a map with `count` items. `fix` is the format code for up to 15 items,
 * `long` the code for a 16-bit count, and `long + 1` the code for a 32-bit count.
 */
function writeHeader(fix: number, long: number, count: number): void {
  reserve(5);
  if (count < 16) scratch[at++] = fix | count;
  else if (count < 2 ** 16) {
    scratch[at++] = long;
    view.setUint16(at, count);
    at += 2;
  } else {
    scratch[at++] = long + 1;
    view.setUint32(at, count);
    at += 4;
  }
}

function writeBigInt(value: bigint): void {
  const isNegative = value < 0n;
  if (BigInt.asIntN(64, value) !== value && (isNegative || BigInt.asUintN(64, value) !== value)) {
    throw new RangeError("a whole number of msgpack has at most 64 bits; send it as a string");
  }
  scratch[at++] = isNegative ? 0xd3 : 0xcf;
  if (isNegative) view.setBigInt64(at, value);
  else view.setBigUint64(at, value);
  at += 8;
}

function writeNumber(value: number): void {
  if (!Number.isInteger(value) || Object.is(value, -0) || value < -(2 ** 31) || value >= 2 ** 32) {
    if (!Number.isFinite(value)) {
      scratch[at++] = 0xc0;
      return;
    }
    scratch[at++] = 0xcb;
    view.setFloat64(at, value);
    at += 8;
  } else if (value >= 0) {
    if (value < 0x80) scratch[at++] = value;
    else if (value < 2 ** 8) write8(0xcc, value);
    else if (value < 2 ** 16) write16(0xcd, value);
    else write32(0xce, value);
  } else if (value >= -32) scratch[at++] = value;
  else if (value >= -(2 ** 7)) write8(0xd0, value);
  else if (value >= -(2 ** 15)) write16(0xd1, value);
  else write32(0xd2, value);
}

function writeText(text: string): void {
  const units = text.length;
  reserve(units * 3 + 5);
  if (units < shortText && writeShortText(text)) return;
  // The length of the header depends on the encoded text, so space is reserved for the longest header that the
  // text may need.
  const header = units * 3 < 2 ** 8 ? 2 : units * 3 < 2 ** 16 ? 3 : 5;
  const { written } = utf8.encodeInto(text, scratch.subarray(at + header));
  if (header === 2) write8(0xd9, written);
  else if (header === 3) write16(0xda, written);
  else write32(0xdb, written);
  at += written;
}

/** Writes ASCII text. Returns false and writes nothing if the text is not ASCII. */
function writeShortText(text: string): boolean {
  const { length } = text;
  let to = at;
  if (length < 32) scratch[to++] = 0xa0 | length;
  else {
    scratch[to++] = 0xd9;
    scratch[to++] = length;
  }
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return false;
    scratch[to++] = unit;
  }
  at = to;
  return true;
}

function write8(type: number, value: number): void {
  scratch[at++] = type;
  scratch[at++] = value;
}

function write16(type: number, value: number): void {
  scratch[at++] = type;
  view.setUint16(at, value);
  at += 2;
}

function write32(type: number, value: number): void {
  scratch[at++] = type;
  view.setUint32(at, value);
  at += 4;
}

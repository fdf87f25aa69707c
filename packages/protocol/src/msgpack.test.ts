import { Decoder, Encoder } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonText } from "./json-text.ts";
import { decodeMsgpack, decodeMsgpackMessages } from "./msgpack-decode.ts";
import { encodeMsgpack, joinMsgpack } from "./msgpack-encode.ts";
import { anyJson } from "./testing/any-publication.ts";

/** An independent msgpack implementation, which the tests compare with. */
const theirs = { encode: (value: unknown) => new Encoder().encode(value), decoder: new Decoder() };

/** Returns the value after a round trip through JSON text. */
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
// JSON escapes a lone surrogate, but UTF-8 cannot encode one.
const wellFormed = (value: unknown) => !/\\ud[89a-f]/.test(JSON.stringify(value));
/**
 * JSON values that the reference implementation can decode. That implementation refuses the key `__proto__`.
 */
const common = anyJson.filter(
  (value) => wellFormed(value) && !JSON.stringify(value).includes("__proto__"),
);

function refusal(bytes: Uint8Array) {
  const outcome = decodeMsgpack(bytes);
  return outcome.ok ? outcome : outcome.failure.code;
}

function bytesOf(...numbers: number[]): Uint8Array {
  return Uint8Array.from(numbers);
}

describe("encodeMsgpack", () => {
  it("[P-DIA-5] another implementation decodes the msgpack of a JSON value to the same value", () => {
    fc.assert(
      fc.property(common, (value) => {
        expect(theirs.decoder.decode(encodeMsgpack(value))).toEqual(value);
      }),
    );
  });

  it.each([
    0,
    1,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 53,
    -1,
    -32,
    -33,
    -128,
    -129,
    -32_768,
    -32_769,
    -(2 ** 31),
    -(2 ** 31) - 1,
    0.5,
    -0.1,
    5e-324,
    1.7e308,
  ])("encodeMsgpack and decodeMsgpack keep the number %d", (number) => {
    const bytes = encodeMsgpack(number);
    expect(theirs.decoder.decode(bytes)).toBe(number);
    expect(decodeMsgpack(bytes)).toEqual({ ok: true, value: number });
  });

  it.each([0, 1, 31, 32, 47, 48, 85, 86, 255, 256, 21_845, 21_846, 65_535, 65_536, 300_000])(
    "encodeMsgpack and decodeMsgpack keep a text of %d characters of one to four bytes each",
    (length) => {
      for (const unit of ["a", "ä", "€", "𝄞"]) {
        const text = unit.repeat(length).slice(0, unit.length * length);
        expect(theirs.decoder.decode(encodeMsgpack(text))).toBe(text);
        expect(decodeMsgpack(encodeMsgpack(text))).toEqual({ ok: true, value: text });
      }
    },
  );

  it.each([0, 15, 16, 65_535, 65_536])(
    "encodeMsgpack writes lists and maps of %d entries that another implementation decodes",
    (count) => {
      const items = Array.from({ length: count }, (_, i) => i);
      const fields = Object.fromEntries(items.map((i) => [`f${i}`, i]));
      expect(theirs.decoder.decode(encodeMsgpack(items))).toEqual(items);
      expect(theirs.decoder.decode(encodeMsgpack(fields))).toEqual(fields);
    },
  );

  it("encodeMsgpack leaves out what JSON leaves out, and calls toJSON", () => {
    const value = {
      left: undefined,
      out: () => {},
      at: new Date(0),
      list: [undefined, () => {}, Number.NaN, Number.POSITIVE_INFINITY],
    };
    expect(theirs.decoder.decode(encodeMsgpack(value))).toEqual(asJson(value));
  });

  it("encodeMsgpack still encodes values after it threw for one", () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(() => encodeMsgpack(cycle)).toThrow(RangeError);
    expect(theirs.decoder.decode(encodeMsgpack({ a: 1 }))).toEqual({ a: 1 });
  });

  it("joinMsgpack writes several values as an array, and returns a single value unchanged", () => {
    fc.assert(
      fc.property(fc.array(common, { minLength: 1 }), (values) => {
        const joined = theirs.decoder.decode(joinMsgpack(values.map(encodeMsgpack)));
        expect(joined).toEqual(values.length === 1 ? values[0] : values);
      }),
    );
  });
});

describe("decodeMsgpack", () => {
  it("[P-DIA-5] decodeMsgpack reads the JSON values that another implementation wrote", () => {
    fc.assert(
      fc.property(common, (value) => {
        expect(decodeMsgpack(theirs.encode(value))).toEqual({ ok: true, value });
      }),
    );
  });

  it.each([
    ["an extension", bytesOf(0xd4, 0x01, 0x00)],
    ["an extension of any length", bytesOf(0xc7, 0x01, 0x05, 0x00)],
    ["a timestamp", theirs.encode(new Date(0))],
    ["undefined as an extension", bytesOf(0xd4, 0x00, 0x00)],
    ["a record definition", bytesOf(0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01)],
    ["binary data", theirs.encode({ data: bytesOf(1, 2, 3) })],
    ["NaN", theirs.encode(Number.NaN)],
    ["an infinity", theirs.encode([Number.NEGATIVE_INFINITY])],
    ["NaN in 32 bits", bytesOf(0xca, 0x7f, 0xc0, 0x00, 0x00)],
    ["2^53 as an integer", bytesOf(0xcf, 0x00, 0x20, 0, 0, 0, 0, 0, 0)],
    ["-2^63", bytesOf(0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0)],
    ["a key that is a number", bytesOf(0x81, 0x01, 0x02)],
    ["a key that is a map", bytesOf(0x81, 0x80, 0x02)],
    ["a key that is nil", bytesOf(0x81, 0xc0, 0x02)],
    ["the byte that is never used", bytesOf(0xc1)],
    ["text that is not UTF-8", bytesOf(0xa2, 0xc3, 0x28)],
    ["a long text that is not UTF-8", bytesOf(0xd9, 0x40, ...Array(64).fill(0xff))],
    ["nothing", bytesOf()],
    ["two values", bytesOf(0x01, 0x02)],
    ["a text cut off", bytesOf(0xa5, 0x61)],
    ["a header cut off", bytesOf(0xdb, 0x00)],
    ["an array that claims 4,294,967,295 items", bytesOf(0xdd, 0xff, 0xff, 0xff, 0xff, 0x01)],
    ["a map that claims 4,294,967,295 fields", bytesOf(0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, 0x61)],
    ["a text that claims 4 GiB", bytesOf(0xdb, 0xff, 0xff, 0xff, 0xff, 0x61)],
  ])("[P-DIA-6] decodeMsgpack refuses %s with bad_message", (_, bytes) => {
    expect(refusal(bytes)).toBe("bad_message");
  });

  it("[P-DIA-6] decodeMsgpack reads nesting 64 deep and refuses deeper nesting, even a million levels, as too_deep", () => {
    const nested = (depth: number) => bytesOf(...Array(depth).fill(0x91), 0x01);
    expect(decodeMsgpack(nested(64)).ok).toBe(true);
    expect(refusal(nested(65))).toBe("too_deep");
    expect(refusal(new Uint8Array(1_000_000).fill(0x91))).toBe("too_deep");
    expect(refusal(new Uint8Array(1_000_000).fill(0x81))).toBe("too_deep");
  });

  it("[P-DIA-5] decodeMsgpack treats __proto__ as a key like any other, as JSON does", () => {
    const bytes = bytesOf(
      0x81,
      0xa9,
      ...new TextEncoder().encode("__proto__"),
      0x81,
      0xa1,
      0x78,
      1,
    );
    const outcome = decodeMsgpack(bytes);
    const value = outcome.ok ? outcome.value : undefined;
    expect(JSON.stringify(value)).toBe('{"__proto__":{"x":1}}');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
    expect(encodeMsgpack(value)).toEqual(bytes);
  });

  it("decodeMsgpack keeps the last of equal keys, and keeps a byte order mark in text", () => {
    const twice = bytesOf(0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2);
    expect(decodeMsgpack(twice)).toEqual({ ok: true, value: { a: 2 } });
    expect(decodeMsgpack(encodeMsgpack("\ufeffa"))).toEqual({ ok: true, value: "\ufeffa" });
  });

  it("[P-DIA-6] decodeMsgpackMessages keeps 64 bits, minus zero and the order of keys in the carried fields of each message", () => {
    const eight = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    const minusZero = [0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0];
    const data = [0x94, 0xcf, ...eight, ...minusZero, 0x82, 0xa2, 0x31, 0x30, 1, 0xa1, 0x32, 2];
    const last = [0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0];
    const message = [0x82, 0xa1, 0x61, 7, 0xa1, 0x64, ...data, ...last];
    const value = {
      a: 7,
      d: new JsonText('[18446744073709551615,-0,{"10":1,"2":2},-9223372036854775808]'),
    };
    expect(decodeMsgpackMessages(bytesOf(...message), ["d"])).toEqual({ ok: true, value });
    expect(decodeMsgpackMessages(bytesOf(0x92, ...message, ...message), ["x", "d"])).toEqual({
      ok: true,
      value: [value, value],
    });
    expect(decodeMsgpackMessages(bytesOf(...message), [])).toMatchObject({
      failure: { code: "bad_message" },
    });
    expect(decodeMsgpack(bytesOf(0xcf, ...eight), { rounds: true })).toEqual({
      ok: true,
      value: 2 ** 64,
    });
  });

  it("[P-DIA-4] decodeMsgpackMessages carries any JSON value as the text of that value", () => {
    fc.assert(
      fc.property(common, (value) => {
        const expected = new JsonText(JSON.stringify(value));
        for (const outer of [{ data: value, x: value }, [{ data: value, x: value }, 7]]) {
          const outcome = decodeMsgpackMessages(encodeMsgpack(outer), ["data"]);
          const decoded = outcome.ok ? outcome.value : undefined;
          const message = (Array.isArray(decoded) ? decoded[0] : decoded) as typeof outer;
          expect(message).toEqual({ data: expected, x: value });
        }
      }),
    );
  });

  it("[P-DIA-5] encodeMsgpack writes the text of a JsonText with 64 bits and the order of its keys, and refuses longer BigInts", () => {
    const decoder = new Decoder({ useBigInt64: true });
    const text = '{"10":[9007199254740993,-0,1e400],"2":"9007199254740993"}';
    const bytes = encodeMsgpack({ data: new JsonText(text) });
    const value = decoder.decode(bytes);
    expect(value).toEqual({
      data: { "10": [9007199254740993n, -0, "1e400"], "2": "9007199254740993" },
    });
    expect(Buffer.from(bytes).indexOf("10")).toBeLessThan(Buffer.from(bytes).indexOf("2", 9));
    for (const whole of [2n ** 64n - 1n, -(2n ** 63n), 0n, -1n]) {
      expect(decoder.decode(encodeMsgpack(whole))).toBe(whole);
    }
    for (const long of [2n ** 64n, -(2n ** 63n) - 1n]) {
      expect(() => encodeMsgpack(long)).toThrow(RangeError);
    }
  });

  it("decodeMsgpack never throws for any bytes, and returns only JSON values", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const outcome = decodeMsgpack(bytes);
        if (outcome.ok) expect(asJson(outcome.value)).toEqual(outcome.value);
        const carrying = decodeMsgpackMessages(bytes, ["a"]);
        expect(carrying.ok || carrying.failure.code !== "internal").toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("decodeMsgpack reads a value that lies anywhere in a larger buffer", () => {
    const whole = bytesOf(0xff, ...encodeMsgpack({ a: [1.5, "ä".repeat(40)] }), 0xff);
    const part = whole.subarray(1, -1);
    expect(decodeMsgpack(part)).toEqual({ ok: true, value: { a: [1.5, "ä".repeat(40)] } });
  });
});

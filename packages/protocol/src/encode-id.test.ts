import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isChannelName, isChannelSegment } from "./channel-name.ts";
import { encodeId, isId, maxEncodedIdBytes, maxIdBytes } from "./encode-id.ts";

interface Vectors {
  readonly cases: readonly {
    readonly what: string;
    readonly id: string;
    readonly encoded: string;
  }[];
}
const vectorsFile = new URL("../../../vectors/ids.json", import.meta.url);
const vectors = JSON.parse(readFileSync(vectorsFile, "utf8")) as Vectors;

/** Any JavaScript string: of the code points that matter to the encoding, of whole characters, or of lone halves. */
const anyString = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(..."a7~4E0@|"), maxLength: 140 }),
  fc
    .array(fc.integer({ min: 0xd7ff, max: 0xe001 }), { maxLength: 50 })
    .map((units) => String.fromCharCode(...units)),
);

describe("encoding the ids of users and sessions", () => {
  it.each(vectors.cases)("[P-NAME-3] encodeId agrees with vectors/ids.json: $what", (vector) => {
    expect(encodeId(vector.id)).toBe(vector.encoded);
  });

  it("[P-NAME-3] encodeId makes one channel segment of at most 120 bytes of every string", () => {
    fc.assert(
      fc.property(anyString, (id) => {
        const encoded = encodeId(id);
        expect(isChannelSegment(encoded)).toBe(true);
        expect(encoded.length).toBeLessThanOrEqual(maxEncodedIdBytes);
        expect(isChannelName(`user:${encoded}`)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("[P-NAME-3] encodeId is injective: a decoder restores every id whose form is no hash", () => {
    fc.assert(
      fc.property(anyString, (id) => {
        const encoded = encodeId(id);
        if (!encoded.startsWith("~~")) expect(decode(encoded)).toBe(id);
      }),
      { numRuns: 5_000 },
    );
  });

  it("[P-NAME-3] encodeId is injective: two different strings never have the same form", () => {
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(anyString, (id) => {
        const encoded = encodeId(id);
        expect(seen.get(encoded) ?? id).toBe(id);
        seen.set(encoded, id);
        // The form of an id, taken for an id, is another id unless it needed no encoding.
        if (encoded !== id) expect(encodeId(encoded)).not.toBe(encoded);
      }),
      { numRuns: 5_000 },
    );
  });

  it("[P-NAME-3] an id of at most 120 characters without the escape character keeps its name", () => {
    const plain = fc.string({
      unit: fc.constantFrom(..."AZaz09_.-"),
      minLength: 1,
      maxLength: 120,
    });
    fc.assert(fc.property(plain, (id) => encodeId(id) === id));
  });

  it("[P-NAME-3] the hashed form is the SHA-256 of the id's UTF-8, at every length of a block", () => {
    for (let length = 121; length < 260; length++) {
      const id = "é".repeat(length);
      const hash = createHash("sha256").update(id, "utf8").digest("hex");
      expect(encodeId(id)).toBe(`~~${hash}`);
    }
  });

  it("[P-NAME-4] isId accepts well-formed text of 1 to 1,024 bytes, and nothing else", () => {
    for (const id of ["7", "ann@example.com", "auth0|7", "山田", "😀", "a\nb", "é".repeat(512)]) {
      expect(isId(id)).toBe(true);
    }
    const refused = ["", "a\ud83d", "\ude00", "é".repeat(513), "a".repeat(maxIdBytes + 1), 7, null];
    for (const value of [...refused, undefined, ["7"], { id: "7" }]) {
      expect(isId(value)).toBe(false);
    }
  });
});

/** Reverses the encoding, written independently of it. */
function decode(encoded: string): string {
  if (encoded === "~") return "";
  const bytes: number[] = [];
  for (let at = 0; at < encoded.length; at++) {
    if (encoded[at] === "~") {
      bytes.push(Number.parseInt(encoded.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(encoded.charCodeAt(at));
  }
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] as number;
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    let code = length === 1 ? first : first & (0xff >> (length + 1));
    for (let i = 1; i < length; i++) code = (code << 6) | ((bytes[at + i] as number) & 0x3f);
    text += String.fromCodePoint(code);
    at += length;
  }
  return text;
}

import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { HmacKey } from "./hmac-key.ts";

const ascii = fc.string({ unit: "grapheme-ascii", maxLength: 400 });

test("an HMAC key makes the same codes as the library, for secrets and texts of any length", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(ascii), (secret, texts) => {
      const key = new HmacKey(secret);
      for (const text of texts) {
        const expected = createHmac("sha256", secret).update(text).digest("hex");
        expect(key.codeOf(text).toString("hex")).toBe(expected);
      }
    }),
  );
});

test("an HMAC key makes the code of a text that is longer than every token", () => {
  const secret = Buffer.alloc(32, 7);
  for (const length of [16_383, 16_384, 16_385, 100_000]) {
    const text = "a".repeat(length);
    const expected = createHmac("sha256", secret).update(text).digest("hex");
    expect(new HmacKey(secret).codeOf(text).toString("hex")).toBe(expected);
  }
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { makePayload, payloadBytes } from "../payload.ts";
import { PayloadScanner } from "./payload-scanner.ts";

function collect(): { found: [number, number][]; scanner: PayloadScanner } {
  const found: [number, number][] = [];
  return { found, scanner: new PayloadScanner((seq, at) => found.push([seq, at])) };
}

test("the JSON of a payload has the promised length, whatever its numbers", () => {
  for (const [seq, at] of [
    [0, 0],
    [9_999_999_999, 9_007_199_254_740_991],
  ] as const) {
    expect(JSON.stringify(makePayload(seq, at))).toHaveLength(payloadBytes);
  }
});

test("PayloadScanner finds every payload once and in order, whatever text surrounds the payloads", () => {
  const around = fc.string({
    unit: fc.constantFrom("{", '"seq', ":", " ", "[", "x"),
    maxLength: 40,
  });
  const messages = fc.array(fc.array(around, { maxLength: 6 }), { maxLength: 6 });
  fc.assert(
    fc.property(messages, (all) => {
      const { found, scanner } = collect();
      const expected: [number, number][] = [];
      for (const parts of all) {
        let text = "";
        for (const part of parts) {
          const seq = expected.length;
          expected.push([seq, seq * 1_000_003]);
          text += part + JSON.stringify(makePayload(seq, seq * 1_000_003));
        }
        const bytes = Buffer.from(`??${text}}??`);
        scanner.scan(bytes, 2, bytes.length - 2);
      }
      expect(found).toEqual(expected);
    }),
  );
});

test("PayloadScanner finds nothing in a message without a payload or with an incomplete one", () => {
  const { found, scanner } = collect();
  const text = JSON.stringify(makePayload(1, 2));
  const bytes = Buffer.from(`{"type":"welcome"}${text}`);
  scanner.scan(bytes, 0, 18);
  scanner.scan(bytes, 0, bytes.length - 1);
  expect(found).toEqual([]);
});

import { expect, test } from "vitest";
import { makePayload, maxPayloadBytes, minPayloadBytes, scanPayloads } from "./payload.ts";

test("a payload is JSON of exactly the length asked for", () => {
  for (const bytes of [minPayloadBytes, 136, maxPayloadBytes]) {
    const text = makePayload(7, 1_234_567, bytes);
    expect(Buffer.byteLength(text)).toBe(bytes);
    expect(JSON.parse(text)).toMatchObject({ load: "0000000007.0000000001234567" });
  }
});

test("scanPayloads finds every payload of a message in any envelope, and none behind its end", () => {
  const found: [number, number][] = [];
  const message = `{"batch":[{"data":${makePayload(1, 10, 100)}},{"x":"\\"load\\"","data":${makePayload(2, 20, 100)}}]}`;
  const bytes = Buffer.from(`${message}${makePayload(3, 30, 100)}`);
  scanPayloads(bytes, 0, message.length, 100, (seq, atUs) => found.push([seq, atUs]));
  expect(found).toEqual([
    [1, 10],
    [2, 20],
  ]);
  scanPayloads(Buffer.from('{"type":"subscribed"}'), 0, 21, 100, () => found.push([0, 0]));
  expect(found).toHaveLength(2);
});

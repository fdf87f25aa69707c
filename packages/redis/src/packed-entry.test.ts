import { expect, test } from "vitest";
import { publisherPart, tracePart, unpackEntry } from "./packed-entry.ts";

const traceparent = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`;
const header = "epoch 7 tag before 1767225600000 - note";

test("[P-TRC-3] a version that knows no traces finds the publisher of a traced entry, since its part comes last", () => {
  const packed = `${header}${tracePart(traceparent)}${publisherPart("user:ann")}\n1`;
  expect(unpackEntry("chat:1", packed)).toMatchObject({ publisher: "user:ann", traceparent });
  const begin = "by=";
  const parts = packed.slice(0, packed.indexOf("\n")).split(" ");
  // All further parts are a publisher to it: none becomes the source of the entry.
  expect(parts.slice(7).every((part) => part.startsWith(begin))).toBe(true);
  expect(parts.at(-1)).toBe(`${begin}user:ann`);
});

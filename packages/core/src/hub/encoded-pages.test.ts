import type { Publication } from "@milepost/protocol";
import { expect, test } from "vitest";
import type { Encoder } from "../send-queue/transport.ts";
import { testEncoder } from "../testing/index.ts";
import { EncodedPages } from "./encoded-pages.ts";

function pageAt(from: number, to: number): readonly Publication[] {
  return [from, to].map((offset) => ({
    channel: "log:a",
    position: { epoch: "e", offset, tag: `t${offset}` },
    event: "n",
    json: "1",
    ts: 0,
  }));
}

/** Encoder whose pages have 1 MiB, with the offsets of the pages that it has encoded. */
function largeEncoder() {
  const encoded: string[] = [];
  const encoder: Encoder = {
    ...testEncoder("milepost.v1.json"),
    encodeBatch(publications) {
      encoded.push(publications.map(({ position }) => position.offset).join("-"));
      return new Uint8Array(1_024 * 1_024);
    },
  };
  return { encoder, encoded };
}

test("a page is encoded once for all subscribers with the same encoder", () => {
  const { encoder, encoded } = largeEncoder();
  const pages = new EncodedPages();
  for (let i = 0; i < 3; i++) pages.encode(pageAt(1, 2), encoder);
  expect(encoded).toEqual(["1-2"]);
});

test("[G7] encoded pages take 8 MiB at most, and the oldest are dropped first", () => {
  const { encoder, encoded } = largeEncoder();
  const pages = new EncodedPages();
  for (let n = 1; n <= 12; n++) pages.encode(pageAt(n, n + 1), encoder);
  expect(encoded).toHaveLength(12);
  pages.encode(pageAt(12, 13), encoder);
  expect(encoded).toHaveLength(12);
  pages.encode(pageAt(1, 2), encoder);
  expect(encoded).toHaveLength(13);
});

test("[G4] pages that end at the same entry and begin at different ones are not taken for each other", () => {
  const { encoder, encoded } = largeEncoder();
  const pages = new EncodedPages();
  pages.encode(pageAt(1, 9), encoder);
  pages.encode(pageAt(5, 9), encoder);
  expect(encoded).toEqual(["1-9", "5-9"]);
});

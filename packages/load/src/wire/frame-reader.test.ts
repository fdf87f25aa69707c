import fc from "fast-check";
import { expect, test } from "vitest";
import { frameText } from "./frame.ts";
import { FrameReader, opcodes } from "./frame-reader.ts";

function read(chunks: readonly Buffer[]): { opcode: number; text: string }[] {
  const frames: { opcode: number; text: string }[] = [];
  const reader = new FrameReader((opcode, bytes, start, end) => {
    frames.push({ opcode, text: bytes.toString("utf8", start, end) });
  });
  // All reads share one buffer that is overwritten each time, as with the sockets.
  const shared = Buffer.alloc(Math.max(0, ...chunks.map(({ length }) => length)));
  for (const chunk of chunks) {
    chunk.copy(shared);
    reader.push(shared, chunk.length);
    shared.fill(0xff);
  }
  return frames;
}

test("FrameReader delivers frames of every header size whole, wherever the stream is cut", () => {
  const lengths = fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536);
  fc.assert(
    fc.property(
      fc.array(lengths, { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat({ max: 150_000 }), { maxLength: 8 }),
      (sizes, cuts) => {
        const texts = sizes.map((size, index) => String(index).repeat(size));
        const stream = Buffer.concat(texts.map((text) => frameText(text)));
        const edges = [0, ...cuts.map((cut) => cut % stream.length), stream.length];
        edges.sort((a, b) => a - b);
        const chunks = edges.slice(1).map((edge, index) => stream.subarray(edges[index], edge));
        expect(read(chunks)).toEqual(texts.map((text) => ({ opcode: opcodes.text, text })));
      },
    ),
    { numRuns: 50 },
  );
});

test("FrameReader reads the same frames from a stream that arrives byte by byte", () => {
  const stream = Buffer.concat([frameText("a"), frameText("b".repeat(300)), frameText("")]);
  const bytes = [...stream].map((byte) => Buffer.from([byte]));
  expect(read(bytes).map(({ text }) => text)).toEqual(["a", "b".repeat(300), ""]);
});

test("FrameReader tells control frames between messages from the messages", () => {
  const ping = Buffer.from([0x89, 2, 0x68, 0x69]);
  const close = Buffer.from([0x88, 2, 0x03, 0xe8]);
  const frames = read([Buffer.concat([frameText("x"), ping, frameText("y"), close])]);
  expect(frames.map(({ opcode }) => opcode)).toEqual([1, 9, 1, 8]);
});

test("FrameReader refuses masked and fragmented frames and frames with reserved bits", () => {
  expect(() => read([Buffer.from([0x81, 0x81, 1, 2, 3, 4, 5])])).toThrow("masked");
  expect(() => read([Buffer.from([0x01, 0x01, 0x61])])).toThrow("fragments");
  expect(() => read([Buffer.from([0x80, 0x01, 0x61])])).toThrow("fragments");
  expect(() => read([Buffer.from([0xc1, 0x01, 0x61])])).toThrow("reserved");
});

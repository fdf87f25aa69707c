import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeSseEvent, encodeSseRetry, type SseEvent, SseReader, sseComment } from "./sse.ts";

function read(text: string, pieceLength = text.length): SseEvent[] {
  const events: SseEvent[] = [];
  const reader = new SseReader((event) => events.push(event));
  for (let at = 0; at < text.length; at += Math.max(1, pieceLength)) {
    reader.take(text.slice(at, at + Math.max(1, pieceLength)));
  }
  return events;
}

const nasty = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(fc.constantFrom("\r", "\n", "\r\n", "\0", "\u2028", "\ufeff", ":", " ", "id", "data: x"))
    .map((parts) => parts.join("")),
);

describe("encodeSseEvent", () => {
  it("[P-SSE-8] SseReader restores the JSON data that encodeSseEvent wrote, whatever strings the data contains", () => {
    fc.assert(
      fc.property(nasty, fc.jsonValue(), fc.integer({ min: 1, max: 9 }), (text, json, piece) => {
        const data = JSON.stringify({ text, json });
        expect(read(encodeSseEvent({ id: "c@1", data }), piece)).toEqual([{ id: "c@1", data }]);
      }),
    );
  });

  it("[P-SSE-8] one encoded event is read as one event with the same fields, even if its texts contain line ends", () => {
    fc.assert(
      fc.property(nasty, nasty, nasty, (data, id, event) => {
        const [first, ...others] = read(encodeSseEvent({ id, event, data }));
        expect(others).toEqual([]);
        expect(first?.data).toBe(data.replace(/\r\n|\r/g, "\n"));
        expect([id, undefined]).toContain(first?.id);
        expect([event, undefined]).toContain(first?.event);
      }),
    );
  });

  it("SseReader returns the same events for a stream in pieces of any size and with any kind of line end", () => {
    fc.assert(
      fc.property(
        fc.array(nasty, { minLength: 1 }),
        fc.constantFrom("\n", "\r", "\r\n"),
        fc.integer({ min: 1, max: 5 }),
        (texts, end, piece) => {
          const events = texts.map((text, n) => ({ id: `${n}`, data: JSON.stringify(text) }));
          const stream = events.map(encodeSseEvent).join(sseComment);
          expect(read(stream.replaceAll("\n", end), piece)).toEqual(events);
        },
      ),
    );
  });
});

describe("SseReader", () => {
  it("SseReader reports no event for comments, retry fields and unfinished events", () => {
    expect(read(`${sseComment}${encodeSseRetry(12.6)}data: cut off`)).toEqual([]);
    expect(encodeSseRetry(12.6)).toBe("retry: 13\n\n");
  });

  it("SseReader reads fields without a space or a value, and ignores unknown fields", () => {
    expect(read("data:a\ndata\nother: x\nevent:e\n\n")).toEqual([{ data: "a\n", event: "e" }]);
  });
});

import type { Publication } from "@milepost/protocol";
import { describe, expect, it } from "vitest";
import { readFrames } from "../../testing/frame-reader.ts";
import { encoders } from "./encoders.ts";

function publication(offset: number): Publication {
  return {
    channel: "chat:42",
    position: { epoch: "e", offset, tag: `t${offset}` },
    event: "message",
    json: `{"n":${offset}}`,
    ts: 1_700_000_000_000,
  };
}

function frames(bytes: Uint8Array): unknown[] {
  return readFrames(bytes).map((text) => JSON.parse(text));
}

const noCursor = () => "";

describe("the milepost.v1.json encoder", () => {
  const encoder = encoders["milepost.v1.json"];

  it("the milepost.v1.json encoder puts a tick's publications into one frame, as an object if there is only one", () => {
    const event = (offset: number) => ({
      type: "event",
      channel: "chat:42",
      position: `e.${offset}.t${offset}`,
      event: "message",
      data: { n: offset },
      ts: 1_700_000_000_000,
    });
    expect(frames(encoder.encodeBatch([publication(1)], noCursor))).toEqual([event(1)]);
    expect(frames(encoder.encodeBatch([publication(1), publication(2)], noCursor))).toEqual([
      [event(1), event(2)],
    ]);
  });

  it("the milepost.v1.json encoder puts at most 1,000 messages into a frame", () => {
    const batch = Array.from({ length: 2_001 }, (_, index) => publication(index + 1));
    const sizes = frames(encoder.encodeBatch(batch, noCursor)).map((frame) =>
      Array.isArray(frame) ? frame.length : 1,
    );
    expect(sizes).toEqual([1_000, 1_000, 1]);
  });

  it("the milepost.v1.json encoder encodes a message that is not a publication unchanged", () => {
    expect(frames(encoder.encodeMessage({ type: "pong", id: 7 }))).toEqual([
      { type: "pong", id: 7 },
    ]);
  });
});

describe("the plain encoder", () => {
  it("[P-DIA-3] the plain encoder gives each publication its own frame, with the cursor and an ISO 8601 time", () => {
    const bytes = encoders.plain.encodeBatch(
      [publication(1), publication(2)],
      ({ position }) => `chat:42@e.${position.offset}.t${position.offset}`,
    );
    expect(frames(bytes)).toEqual(
      [1, 2].map((offset) => ({
        type: "message",
        event_id: `chat:42@e.${offset}.t${offset}`,
        timestamp: "2023-11-14T22:13:20.000Z",
        channel: "chat:42",
        data: { n: offset },
      })),
    );
  });
});

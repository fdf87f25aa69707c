import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import type { TransportEvents } from "@milepost/core";
import { ManualClock } from "@milepost/engine/testing";
import { expect, test } from "vitest";
import { SseStream } from "./stream.ts";

/** Response whose buffer the test fills, with the text that was written to it. */
class FakeResponse extends EventEmitter {
  writableLength = 0;
  destroyed = false;
  text = "";
  writeHead(): this {
    return this;
  }
  write(text: string | Uint8Array): boolean {
    this.text += Buffer.from(text).toString();
    return true;
  }
  end(text: string): this {
    this.write(text);
    return this;
  }
}

function open({ fraction = 0, destroyed = false } = {}) {
  const clock = new ManualClock();
  const response = new FakeResponse();
  response.destroyed = destroyed;
  const random = { fraction: () => fraction, id: () => "" };
  const stream = new SseStream(
    response as unknown as ServerResponse,
    { form: "plain", consumer: "sse" },
    { clock, random, maxLifetimeMs: 100_000, commentMs: 15_000 },
  );
  const seen: string[] = [];
  const events = {
    onAlive: () => seen.push("alive"),
    onDrain: () => seen.push("drain"),
    onClose: () => seen.push("close"),
  } as unknown as TransportEvents;
  stream.attach(events);
  return { clock, response, stream, seen };
}

test("[P-SSE-5] a stream counts as alive at a heartbeat only if its reader has taken everything", () => {
  const { response, stream, seen } = open();
  response.writableLength = 1;
  stream.ping();
  expect(seen).toEqual([]);
  response.writableLength = 0;
  stream.ping();
  expect(seen).toEqual(["alive"]);
});

test.each([
  [0, 100_000],
  [0.5, 90_000],
  [1, 80_000],
])(
  "[P-SSE-6] a stream with the random number %s ends at the first heartbeat after %s ms",
  async (fraction, endsAt) => {
    const { clock, response, stream } = open({ fraction });
    await clock.advance(endsAt - 1);
    stream.ping();
    expect(response.text).not.toContain("close");
    await clock.advance(1);
    stream.ping();
    expect(response.text).toContain('"type":"close","code":1001');
  },
);

test("a stream whose reader left before it was attached is closed at once", () => {
  expect(open({ destroyed: true }).seen).toEqual(["close"]);
});

test("[P-SSE-5] the core pings a stream at the interval of its comments, not at that of WebSockets", () => {
  expect(open().stream.pingIntervalMs).toBe(15_000);
});

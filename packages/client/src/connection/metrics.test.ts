import { expect, test } from "vitest";
import { MetricsRecorder } from "./metrics.ts";

function recorder() {
  const clock = { at: 0, now: () => clock.at, monotonic: () => clock.at, after: () => () => {} };
  return { clock, metrics: new MetricsRecorder(clock) };
}

test.each([
  [150, "good"],
  [151, "fair"],
  [500, "fair"],
  [501, "poor"],
  [undefined, "fair"],
] as const)("a connection with a round trip of %s ms is %s", (rttMs, quality) => {
  const { metrics } = recorder();
  expect(metrics.read().quality).toBe("none");
  metrics.connected("websocket");
  if (rttMs !== undefined) metrics.roundTrip(rttMs);
  expect(metrics.read()).toMatchObject({ quality, rttMs });
});

test("the rate of messages is that of the last ten seconds", () => {
  const { clock, metrics } = recorder();
  metrics.frame(10, 50);
  expect(metrics.read().messagesPerSecond).toBe(5);
  clock.at = 9_000;
  metrics.frame(10, 10);
  expect(metrics.read().messagesPerSecond).toBe(6);
  clock.at = 10_000;
  expect(metrics.read().messagesPerSecond).toBe(1);
  clock.at = 1_000_000;
  expect(metrics.read()).toMatchObject({ messagesPerSecond: 0, messagesIn: 60, bytesIn: 20 });
});

test("only connects after the first count as reconnects", () => {
  const { metrics } = recorder();
  expect(metrics.read()).toMatchObject({ connects: 0, reconnects: 0 });
  metrics.connected("websocket");
  expect(metrics.read()).toMatchObject({ connects: 1, reconnects: 0 });
  metrics.disconnected();
  metrics.connected("sse");
  expect(metrics.read()).toMatchObject({ connects: 2, reconnects: 1, transport: "sse" });
});

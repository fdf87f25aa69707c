import { expect, test } from "vitest";
import { RecordingMeter, type TestSocket, testCore } from "../testing/index.ts";

const histogram = "milepost_publish_to_client_milliseconds";
const refused = "milepost_latency_samples_refused_total";

function report(socket: TestSocket, id: number, ages?: unknown): void {
  const params = ages === undefined ? {} : { ages };
  socket.send({ type: "request", id, method: "connection.latency", params });
}

function measuredCore(limits = {}) {
  const meter = new RecordingMeter();
  return { meter, t: testCore({ meter, limits }) };
}

test("[P-LAT-1] a report without ages counts nothing, and tells the time of the store", async () => {
  const { meter, t } = measuredCore();
  await using core = t;
  const socket = core.connect({ principal: core.user("ada") });
  report(socket, 1);
  await core.clock.settle();
  expect(socket.take().at(-1)).toMatchObject({
    id: 1,
    result: { now: core.clock.now(), counted: 0 },
  });
  expect(meter.observed(histogram)).toEqual([]);
});

test("[P-LAT-2] ages of a report are counted in the histogram", async () => {
  const { meter, t } = measuredCore();
  await using core = t;
  const socket = core.connect({ principal: core.user("ada") });
  await core.clock.advance(20_000);
  report(socket, 1, [12.5, 0, 250]);
  await core.clock.settle();
  expect(socket.take().at(-1)).toMatchObject({ id: 1, result: { counted: 3 } });
  expect(meter.observed(histogram)).toEqual([12.5, 0, 250]);
});

test.each([
  [[-1]],
  [[3_600_001]],
  [["1"]],
  [[null]],
  [[]],
  [Array.from({ length: 33 }, () => 1)],
  [7],
])(
  "[P-LAT-2] refuses a report with the ages %j as bad_message, and counts nothing of it",
  async (ages) => {
    const { meter, t } = measuredCore();
    await using core = t;
    const socket = core.connect({ principal: core.user("ada") });
    await core.clock.advance(20_000);
    report(socket, 1, ages);
    await core.clock.settle();
    expect(socket.take().at(-1)).toMatchObject({ id: 1, error: { code: "bad_message" } });
    expect(meter.observed(histogram)).toEqual([]);
  },
);

test("[P-LAT-3] an age longer than the connection exists is refused, and the rest of the report counts", async () => {
  const { meter, t } = measuredCore();
  await using core = t;
  const socket = core.connect({ principal: core.user("ada") });
  await core.clock.advance(5_000);
  report(socket, 1, [4_000, 3_600_000, 5_001]);
  await core.clock.settle();
  expect(socket.take().at(-1)).toMatchObject({ id: 1, result: { counted: 1 } });
  expect(meter.observed(histogram)).toEqual([4_000]);
  expect(meter.count(refused, { reason: "impossible" })).toBe(2);
});

test("[P-LAT-3] a connection whose reports come faster than every 5 s has the others refused", async () => {
  const { meter, t } = measuredCore();
  await using core = t;
  const [socket, other] = [1, 2].map(() => core.connect({ principal: core.user("ada") }));
  if (socket === undefined || other === undefined) throw new Error("no sockets");
  await core.clock.advance(30_000);
  report(socket, 1, [1]);
  report(socket, 2, [2, 3]);
  report(other, 1, [4]);
  await core.clock.advance(5_000);
  report(socket, 3, [5]);
  await core.clock.settle();
  expect(meter.observed(histogram)).toEqual([1, 4, 5]);
  expect(meter.count(refused, { reason: "rate" })).toBe(2);
});

test("[P-LAT-3] a node counts a bounded number of ages within a second", async () => {
  const { meter, t } = measuredCore({ maxLatencySamplesPerSecond: 3 });
  await using core = t;
  const sockets = Array.from({ length: 3 }, (_, n) =>
    core.connect({ principal: core.user(`user-${n}`) }),
  );
  await core.clock.advance(30_000);
  for (const socket of sockets) report(socket, 1, [1, 2]);
  await core.clock.settle();
  expect(meter.observed(histogram)).toEqual([1, 2, 1]);
  expect(meter.count(refused, { reason: "rate" })).toBe(3);
  await core.clock.advance(10_000);
  for (const socket of sockets) report(socket, 2, [7]);
  await core.clock.settle();
  expect(meter.observed(histogram)).toEqual([1, 2, 1, 7, 7, 7]);
});

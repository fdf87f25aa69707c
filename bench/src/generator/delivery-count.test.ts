import { expect, test } from "vitest";
import { monotonicUs } from "../measure/monotonic.ts";
import { DeliveryCount } from "./delivery-count.ts";

function deliverAll(count: DeliveryCount, index: number, seqs: readonly number[]): void {
  count.startRead();
  for (const seq of seqs) count.deliver(index, seq, monotonicUs());
}

test("DeliveryCount finds no fault in streams that start at 0 and count up, each on its own connection", () => {
  const count = new DeliveryCount();
  deliverAll(count, 0, [0, 1, 2]);
  deliverAll(count, 1, [0, 1]);
  expect(count.report()).toMatchObject({ delivered: 5, reads: 2, missing: 0, repeated: 0 });
});

test("DeliveryCount counts skipped numbers as missing, also before the first delivery", () => {
  const count = new DeliveryCount();
  deliverAll(count, 0, [2, 5]);
  expect(count.report()).toMatchObject({ delivered: 2, missing: 4, repeated: 0 });
});

test("DeliveryCount counts a number as repeated when it arrives again or after a later one", () => {
  const count = new DeliveryCount();
  deliverAll(count, 0, [0, 0, 2, 1]);
  expect(count.report()).toMatchObject({ missing: 1, repeated: 2 });
});

test("reset clears the counts but keeps the next number expected on each connection", () => {
  const count = new DeliveryCount();
  deliverAll(count, 0, [0, 1]);
  count.reset();
  expect(count.report()).toMatchObject({ delivered: 0, reads: 0 });
  deliverAll(count, 0, [2]);
  expect(count.report()).toMatchObject({ delivered: 1, missing: 0, repeated: 0 });
});

test("latency is measured from the moment a publication was due", () => {
  const count = new DeliveryCount();
  const due = monotonicUs() - 5_000;
  count.startRead();
  count.deliver(0, 0, due);
  expect(count.report().latency.max).toBeGreaterThanOrEqual(5_000);
});

import { expect, test } from "vitest";
import { Latencies, latenciesOf } from "./latencies.ts";

test("histograms of two processes merge into the one that all their values give", () => {
  const [one, other, all] = [new Latencies(), new Latencies(), new Latencies()];
  for (let us = 1; us <= 10_000; us++) {
    (us % 3 === 0 ? one : other).record(us);
    all.record(us);
  }
  one.merge(other.encode());
  const { hdr, ...figures } = one.figures();
  for (const percent of [1, 50, 90, 99, 99.9]) {
    expect(one.percentile(percent)).toBe(all.percentile(percent));
  }
  expect(figures.count).toBe(10_000);
  expect(Math.abs(figures.p99Us - 9_900)).toBeLessThanOrEqual(10);
  expect(latenciesOf(hdr).percentile(50)).toBe(figures.p50Us);
});

test("latencies beyond the range count as the longest, and clock steps backwards as the shortest", () => {
  const latencies = new Latencies();
  latencies.record(-5);
  latencies.record(1e12);
  expect(latencies.count).toBe(2);
  expect(latencies.percentile(1)).toBe(1);
  expect(new Latencies().figures()).toMatchObject({ count: 0, p99Us: 0, maxUs: 0 });
});

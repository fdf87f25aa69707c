import { describe, expect, it } from "vitest";
import { MetricStore } from "./metric-store.ts";

/** Values of a metric, by their names and labels. */
function valuesOf(store: MetricStore, name: string): Record<string, number> {
  const found = store.collect().find((metric) => metric.name === name);
  return Object.fromEntries(
    (found?.values ?? []).map(({ labels, value, metricName = name }) => [
      [metricName, ...Object.values(labels)].join(" "),
      value,
    ]),
  );
}

describe("the metrics that a gateway keeps", () => {
  it("the buckets of a histogram add up, and a value at a bound belongs to its bucket", () => {
    const store = new MetricStore();
    const histogram = store.histogram("h", "", [1, 10]);
    for (const value of [0.5, 1, 5, 100]) histogram.observe(value);
    expect(valuesOf(store, "h")).toEqual({
      "h_bucket 1": 2,
      "h_bucket 10": 3,
      "h_bucket +Inf": 4,
      h_sum: 106.5,
      h_count: 4,
    });
  });

  it("a distribution holds what is the case when it is collected, and nothing of before", () => {
    const store = new MetricStore();
    let current = [1, 1, 7];
    store.distribution("d", "", [1, 5], () => current);
    expect(valuesOf(store, "d")).toMatchObject({ "d_bucket 1": 2, "d_bucket 5": 2, d_count: 3 });
    current = [2];
    expect(valuesOf(store, "d")).toMatchObject({ "d_bucket 1": 0, "d_bucket 5": 1, d_count: 1 });
  });

  it("counters start at 0 for each of their labels, and gauges are read when they are collected", () => {
    const store = new MetricStore();
    const family = store.counter("c", "", { kind: ["a", "b"] });
    family.with({ kind: "a" }).add(2);
    family.with({ kind: "b" });
    expect(valuesOf(store, "c")).toEqual({ "c a": 2, "c b": 0 });
    let depth = 1;
    store.gauge("g", "", () => depth);
    store.gauges("gs", "", "part", () => ({ used: depth * 2 }));
    depth = 5;
    expect([valuesOf(store, "g"), valuesOf(store, "gs")]).toEqual([{ g: 5 }, { "gs used": 10 }]);
  });

  it("two metrics of one name are refused", () => {
    const store = new MetricStore();
    store.gauge("g", "");
    expect(() => store.gauge("g", "")).toThrow("exists already");
  });
});

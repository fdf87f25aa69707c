import { describe, expect, test } from "vitest";
import { RecordingMeter } from "../testing/index.ts";
import { createInstruments, type InstrumentRow } from "./create-instruments.ts";
import type { Meter } from "./meter.ts";

const table = {
  plain: { kind: "counter", name: "milepost_plain_total", help: "Plain.", unit: "things" },
  labelled: {
    kind: "counter",
    name: "milepost_labelled_total",
    help: "Labelled.",
    unit: "things",
    labels: [
      ["kind", ["a", "b"]],
      ["side", ["left", "right"]],
    ],
  },
  depth: { kind: "gauge", name: "milepost_depth", help: "Depth.", unit: "things" },
  delay: {
    kind: "histogram",
    name: "milepost_delay_seconds",
    help: "Delay.",
    unit: "seconds",
    buckets: [0.1, 1],
  },
} as const satisfies Record<string, InstrumentRow>;

function fail(error: unknown): never {
  throw error;
}

describe("the instruments of a table", () => {
  test("each row of an instrument table becomes one metric, and each combination of label values has a counter of its own", () => {
    const meter = new RecordingMeter();
    const instruments = createInstruments(meter, table, fail);
    instruments.plain.add(2);
    instruments.labelled.a.left.add(3);
    instruments.labelled.b.right.add(4);
    instruments.delay.observe(0.5);
    expect(meter.read("milepost_depth")).toBe(0);
    let depth = 5;
    instruments.depth.readFrom(() => depth);
    depth = 6;
    expect(meter.count("milepost_plain_total")).toBe(2);
    expect(meter.count("milepost_labelled_total")).toBe(7);
    expect(meter.count("milepost_labelled_total", { kind: "a" })).toBe(3);
    expect(meter.count("milepost_labelled_total", { side: "right" })).toBe(4);
    expect(meter.count("milepost_labelled_total", { kind: "a", side: "right" })).toBe(0);
    expect(meter.observed("milepost_delay_seconds")).toEqual([0.5]);
    expect(meter.read("milepost_depth")).toBe(6);
  });

  test("an error that an instrument throws is caught, and the first error of each metric is reported", () => {
    const broken = new Error("broken");
    const thrower = {
      add: () => fail(broken),
      observe: () => fail(broken),
      set: () => fail(broken),
    };
    const meter: Meter = {
      counter: () => ({ ...thrower, with: () => thrower }),
      gauge: () => thrower,
      histogram: () => thrower,
    };
    const errors: unknown[] = [];
    const instruments = createInstruments(meter, table, (error) => errors.push(error));
    for (let n = 0; n < 3; n++) {
      instruments.plain.add(1);
      instruments.labelled.a.left.add(1);
      instruments.labelled.b.left.add(1);
      instruments.delay.observe(1);
    }
    expect(errors).toEqual([broken, broken, broken]);
  });

  test("a meter that throws when an instrument is created stops the start", () => {
    const meter = new RecordingMeter();
    createInstruments(meter, table, fail);
    expect(() => createInstruments(meter, table, fail)).toThrow("milepost_plain_total exists");
  });
});

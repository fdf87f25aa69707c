import { BoundedValues } from "./bounded-values.ts";
import type { BoundedLabel, Counter, Histogram, Meter } from "./meter.ts";

/** A label and its values. */
type Label = readonly [name: string, values: readonly string[] | BoundedLabel];

/** Declaration of one metric. `unit` is the unit of its values, or names what it counts. */
export type InstrumentRow = {
  readonly name: `milepost_${string}`;
  readonly help: string;
  readonly unit: string;
} & (
  | { readonly kind: "counter"; readonly labels?: readonly Label[] }
  /** Gauge that is read whenever the meter collects, so that it costs nothing in between. */
  | { readonly kind: "gauge" }
  /** One gauge for each value of a label, read whenever the meter collects. */
  | { readonly kind: "gauges"; readonly label: string; readonly values?: readonly string[] }
  | { readonly kind: "histogram"; readonly buckets?: readonly number[] }
  /** Histogram of what is the case now, read whenever the meter collects. */
  | { readonly kind: "distribution"; readonly buckets: readonly number[] }
);

/** Gauge that gets its source once the part that has the value exists; until then it is 0. */
export interface GaugeSource {
  /** Sets the source. `read` returns the current value; it must not throw. */
  readFrom(read: () => number): void;
}

/** Gauges of a label that get their source once the part that has the values exists; until then there are none. */
export interface GaugesSource<Value extends string = string> {
  /** Sets the source. `read` returns the current value of each gauge; it must not throw. */
  readFrom(read: () => Readonly<Partial<Record<Value, number>>>): void;
}

/** Distribution that gets its source once the part that has the values exists; until then it is empty. */
export interface DistributionSource {
  /** Sets the source. `read` returns all current values; it must not throw. */
  readFrom(read: () => Iterable<number>): void;
}

/** Parts of a metric by the value of a label that is known only at run time. */
export interface ByValue<T> {
  of(value: string): T;
}

/**
 * Counter of a metric. With labels, nested objects of counters: by the value of the first label, then of the
 * second, and so on. A label whose values are known only at run time has `of(value)`.
 */
type CountersOf<Labels> = Labels extends readonly [readonly [string, infer Values], ...infer Rest]
  ? Values extends readonly (infer Value extends string)[]
    ? { readonly [V in Value]: CountersOf<Rest> }
    : ByValue<CountersOf<Rest>>
  : Counter;

type InstrumentOf<Row extends InstrumentRow> = Row extends { readonly kind: "gauge" }
  ? GaugeSource
  : Row extends { readonly kind: "gauges" }
    ? GaugesSource<
        Row extends { readonly values: readonly (infer Value extends string)[] } ? Value : string
      >
    : Row extends { readonly kind: "histogram" }
      ? Histogram
      : Row extends { readonly kind: "distribution" }
        ? DistributionSource
        : CountersOf<Row extends { readonly labels: infer Labels } ? Labels : readonly []>;

/** Instruments of a table, by the names of its rows. */
export type InstrumentsOf<Table extends Readonly<Record<string, InstrumentRow>>> = {
  readonly [Name in keyof Table]: InstrumentOf<Table[Name]>;
};

/**
 * Creates all instruments that a table declares, with one counter for every combination of label values. So
 * code that handles messages never looks up a counter by its labels. Errors that an instrument throws are
 * caught, and the first one of each metric is passed to `onError`.
 */
export function createInstruments<const Table extends Readonly<Record<string, InstrumentRow>>>(
  meter: Meter,
  table: Table,
  onError: (error: unknown) => void,
): InstrumentsOf<Table> {
  const made = Object.entries(table).map(([name, row]) => [
    name,
    createInstrument(meter, row, onError),
  ]);
  return Object.fromEntries(made) as InstrumentsOf<Table>;
}

function createInstrument(
  meter: Meter,
  row: InstrumentRow,
  onError: (error: unknown) => void,
): unknown {
  const { name, help } = row;
  const onFault = once(onError);
  switch (row.kind) {
    case "gauge": {
      let current = () => 0;
      meter.gauge(name, help, () => current());
      return {
        readFrom(read) {
          current = read;
        },
      } satisfies GaugeSource;
    }
    case "gauges": {
      let current = (): Readonly<Record<string, number>> => ({});
      meter.gauges?.(name, help, row.label, () => current());
      return {
        readFrom(read) {
          current = read as typeof current;
        },
      } satisfies GaugesSource;
    }
    case "distribution": {
      let current = (): Iterable<number> => [];
      meter.distribution?.(name, help, row.buckets, () => current());
      return {
        readFrom(read) {
          current = read;
        },
      } satisfies DistributionSource;
    }
    case "histogram":
      return new GuardedHistogram(meter.histogram(name, help, row.buckets), onFault);
    case "counter": {
      const { labels = [] } = row;
      if (labels.length === 0) return new GuardedCounter(meter.counter(name, help), onFault);
      const family = meter.counter(name, help, Object.fromEntries(labels));
      return childrenOf(labels, {}, (values) => new GuardedCounter(family.with(values), onFault));
    }
  }
}

/** Creates a counter for each combination of label values, nested in the order of the labels. */
function childrenOf(
  [label, ...rest]: readonly Label[],
  chosen: Readonly<Record<string, string>>,
  child: (values: Readonly<Record<string, string>>) => Counter,
): unknown {
  if (label === undefined) return child(chosen);
  const [name, values] = label;
  const part = (value: string) => childrenOf(rest, { ...chosen, [name]: value }, child);
  if ("most" in values) return new BoundedValues(values.most, part);
  return Object.fromEntries(values.map((value) => [value, part(value)]));
}

class GuardedCounter implements Counter {
  readonly #counter: Counter;
  readonly #onFault: (error: unknown) => void;

  constructor(counter: Counter, onFault: (error: unknown) => void) {
    this.#counter = counter;
    this.#onFault = onFault;
  }

  add(count: number): void {
    try {
      this.#counter.add(count);
    } catch (error) {
      this.#onFault(error);
    }
  }
}

class GuardedHistogram implements Histogram {
  readonly #histogram: Histogram;
  readonly #onFault: (error: unknown) => void;

  constructor(histogram: Histogram, onFault: (error: unknown) => void) {
    this.#histogram = histogram;
    this.#onFault = onFault;
  }

  observe(value: number): void {
    try {
      this.#histogram.observe(value);
    } catch (error) {
      this.#onFault(error);
    }
  }
}

function once(report: (error: unknown) => void): (error: unknown) => void {
  let isReported = false;
  return (error) => {
    if (isReported) return;
    isReported = true;
    report(error);
  };
}

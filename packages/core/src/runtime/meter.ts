/**
 * Values of each label of a metric. The sets are small and closed: a label never holds a user, a channel or an id. Where
 * the values are known only at run time, `most` bounds their number, and all further values are `other`.
 */
export type LabelValues = Readonly<Record<string, readonly string[] | BoundedLabel>>;

/** Label whose values are known only at run time, such as the kinds of operations. */
export interface BoundedLabel {
  /** Number of values that are told apart. The value `other` stands for all further ones. */
  readonly most: number;
}

/** Count that only grows. */
export interface Counter {
  /** Adds `count`, which is not negative. Called where the event happens, so it must be fast and must not allocate. */
  add(count: number): void;
}

/** Counter of a metric. With labels, its values are the counters that `with` returns. */
export interface CounterFamily extends Counter {
  /**
   * Returns the counter of one value for each label. Callers keep the returned counter, so this call may
   * allocate.
   */
  with(labels: Readonly<Record<string, string>>): Counter;
}

/** Value that rises and falls. */
export interface Gauge {
  set(value: number): void;
}

/** Distribution of values. */
export interface Histogram {
  observe(value: number): void;
}

/**
 * Port to a metrics library. A node creates all of its instruments once, when it is assembled.
 *
 * A name begins with `milepost_` and is unique within a node. A node does not start when a method of its meter throws,
 * for example because two nodes share a registry. An instrument that throws later harms nothing: its value is lost, and
 * the first error of each metric is logged.
 */
export interface Meter {
  counter(name: string, help: string, labels?: LabelValues): CounterFamily;
  /** Creates a gauge. With `read`, the meter calls it for the current value whenever it collects. */
  gauge(name: string, help: string, read?: () => number): Gauge;
  /** Creates a histogram. `buckets` are the upper bounds, in ascending order; the meter chooses them when absent. */
  histogram(name: string, help: string, buckets?: readonly number[]): Histogram;
  /**
   * Creates one gauge for each value of a label. The meter calls `read` for the current values whenever it collects. A
   * meter without this method does not record such metrics.
   */
  gauges?(
    name: string,
    help: string,
    label: string,
    read: () => Readonly<Record<string, number>>,
  ): void;
  /**
   * Creates a histogram of what is the case now, such as the connections of each user. The meter calls `read` for all
   * current values whenever it collects. A meter without this method does not record such metrics.
   */
  distribution?(
    name: string,
    help: string,
    buckets: readonly number[],
    read: () => Iterable<number>,
  ): void;
}

function ignore(): void {}

const ignored: CounterFamily & Gauge & Histogram = {
  add: ignore,
  set: ignore,
  observe: ignore,
  with: () => ignored,
};

/** Meter that records nothing; the default. */
export const noMeter: Meter = {
  counter: () => ignored,
  gauge: () => ignored,
  histogram: () => ignored,
};

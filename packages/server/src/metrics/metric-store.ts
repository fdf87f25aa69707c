import type { Counter, CounterFamily, Gauge, Histogram, LabelValues, Meter } from "@milepost/core";

/** One sample of a metric. `metricName` is present where it differs from the name of the metric. */
export interface MetricSample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

/** Values of one metric at one time, in the form of `prom-client`. Workers send them to each other as JSON. */
export interface MetricValues {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly values: readonly MetricSample[];
}

/** Upper bounds of a histogram for which its creator named none, in the unit of its values. */
const defaultBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/**
 * Meter that keeps the metrics of one node. An instrument only adds numbers; everything else happens when the metrics are
 * collected. So no library is loaded, and nothing is formatted, before somebody asks.
 */
export class MetricStore implements Meter {
  readonly #collectors = new Map<string, () => MetricValues>();

  /** Returns the current values of all metrics, in the order in which they were created. */
  collect(): MetricValues[] {
    return [...this.#collectors.values()].map((collect) => collect());
  }

  counter(name: string, help: string, labels: LabelValues = {}): CounterFamily {
    const plain = Object.keys(labels).length === 0 ? new StoredCounter({}) : undefined;
    const counters: StoredCounter[] = plain === undefined ? [] : [plain];
    this.#enter(name, () => ({
      name,
      help,
      type: "counter",
      values: counters.map(({ labels, count }) => ({ labels, value: count })),
    }));
    return {
      add(count) {
        if (plain === undefined) throw new Error(`${name} needs its labels`);
        plain.add(count);
      },
      with(chosen) {
        const counter = new StoredCounter(chosen);
        counters.push(counter);
        return counter;
      },
    };
  }

  gauge(name: string, help: string, read?: () => number): Gauge {
    let current = read ?? (() => 0);
    this.#enter(name, () => ({
      name,
      help,
      type: "gauge",
      values: [{ labels: {}, value: current() }],
    }));
    return {
      set(value) {
        current = () => value;
      },
    };
  }

  gauges(
    name: string,
    help: string,
    label: string,
    read: () => Readonly<Record<string, number>>,
  ): void {
    this.#enter(name, () => ({
      name,
      help,
      type: "gauge",
      values: Object.entries(read()).map(([key, value]) => ({ labels: { [label]: key }, value })),
    }));
  }

  histogram(name: string, help: string, buckets: readonly number[] = defaultBuckets): Histogram {
    const histogram = new StoredHistogram(buckets);
    this.#enter(name, () => ({ name, help, type: "histogram", values: histogram.samples(name) }));
    return histogram;
  }

  distribution(
    name: string,
    help: string,
    buckets: readonly number[],
    read: () => Iterable<number>,
  ): void {
    this.#enter(name, () => {
      const histogram = new StoredHistogram(buckets);
      for (const value of read()) histogram.observe(value);
      return { name, help, type: "histogram", values: histogram.samples(name) };
    });
  }

  #enter(name: string, collect: () => MetricValues): void {
    if (this.#collectors.has(name)) throw new Error(`the metric ${name} exists already`);
    this.#collectors.set(name, collect);
  }
}

class StoredCounter implements Counter {
  readonly labels: Readonly<Record<string, string>>;
  count = 0;

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = labels;
  }

  add(count: number): void {
    this.count += count;
  }
}

class StoredHistogram implements Histogram {
  readonly #bounds: readonly number[];
  /** Number of values in each bucket and not in a smaller one; the last bucket has no bound. */
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let at = 0;
    while (at < this.#bounds.length && value > (this.#bounds[at] as number)) at++;
    (this.#counts[at] as number)++;
    this.#sum += value;
  }

  samples(name: string): MetricSample[] {
    let count = 0;
    const bucket = `${name}_bucket`;
    const buckets = this.#counts.map((inBucket, at) => {
      count += inBucket;
      return { labels: { le: this.#bounds[at] ?? "+Inf" }, value: count, metricName: bucket };
    });
    return [
      ...buckets,
      { labels: {}, value: this.#sum, metricName: `${name}_sum` },
      { labels: {}, value: count, metricName: `${name}_count` },
    ];
  }
}

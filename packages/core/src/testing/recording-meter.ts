import type { CounterFamily, Gauge, Histogram, LabelValues, Meter } from "../index.ts";

type Chosen = Readonly<Record<string, string>>;

/**
 * Meter that keeps every value for a test. It throws where a metrics library would: for a name that exists, and for labels
 * that were not declared.
 */
export class RecordingMeter implements Meter {
  /** Names of all metrics, in the order in which they were created. */
  readonly names: string[] = [];
  readonly #counts = new Map<string, number>();
  readonly #reads = new Map<string, () => number>();
  readonly #readsByValue = new Map<string, () => Readonly<Record<string, number>>>();
  readonly #distributions = new Map<string, () => Iterable<number>>();
  readonly #observed = new Map<string, number[]>();

  /** Sum of a counter: of all label values, or of those that are given. */
  count(name: string, labels: Chosen = {}): number {
    this.#refuseUnknown(name);
    const wanted = Object.entries(labels).map(([label, value]) => `${label}=${value};`);
    let sum = 0;
    for (const [key, count] of this.#counts) {
      if (key.startsWith(`${name} `) && wanted.every((part) => key.includes(` ${part}`)))
        sum += count;
    }
    return sum;
  }

  /** Returns the current value of a gauge whose value comes from a callback. */
  read(name: string): number {
    this.#refuseUnknown(name);
    return this.#reads.get(name)?.() ?? Number.NaN;
  }

  /** Returns the current values of the gauges of a label. */
  readByValue(name: string): Readonly<Record<string, number>> {
    this.#refuseUnknown(name);
    return this.#readsByValue.get(name)?.() ?? {};
  }

  /** Returns the current values of a distribution. */
  readAll(name: string): readonly number[] {
    this.#refuseUnknown(name);
    return [...(this.#distributions.get(name)?.() ?? [])];
  }

  /** Returns the values that were recorded in a histogram. */
  observed(name: string): readonly number[] {
    this.#refuseUnknown(name);
    return this.#observed.get(name) ?? [];
  }

  counter(name: string, _help: string, labels: LabelValues = {}): CounterFamily {
    this.#enter(name);
    const counter = (key: string) => ({
      add: (count: number) => {
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
      },
    });
    return {
      ...counter(`${name} `),
      with(chosen) {
        const entries = Object.entries(chosen);
        const isDeclared = entries.every(([label, value]) => {
          const values = labels[label] ?? [];
          return "most" in values || values.includes(value);
        });
        if (!isDeclared || entries.length !== Object.keys(labels).length) {
          throw new Error(`${name} has no labels ${JSON.stringify(chosen)}`);
        }
        return counter([name, ...entries.map(([label, value]) => `${label}=${value};`)].join(" "));
      },
    };
  }

  gauge(name: string, _help: string, read?: () => number): Gauge {
    this.#enter(name);
    if (read !== undefined) this.#reads.set(name, read);
    return { set: (value) => this.#reads.set(name, () => value) };
  }

  histogram(name: string): Histogram {
    this.#enter(name);
    const values: number[] = [];
    this.#observed.set(name, values);
    return { observe: (value) => values.push(value) };
  }

  gauges(
    name: string,
    _help: string,
    _label: string,
    read: () => Readonly<Record<string, number>>,
  ): void {
    this.#enter(name);
    this.#readsByValue.set(name, read);
  }

  distribution(
    name: string,
    _help: string,
    _buckets: readonly number[],
    read: () => Iterable<number>,
  ): void {
    this.#enter(name);
    this.#distributions.set(name, read);
  }

  #enter(name: string): void {
    if (this.names.includes(name)) throw new Error(`the metric ${name} exists already`);
    this.names.push(name);
  }

  #refuseUnknown(name: string): void {
    if (!this.names.includes(name)) throw new Error(`there is no metric ${name}`);
  }
}

/** Samples of the metrics, to be summed up. */
export interface Metrics {
  /** Sum of the samples of a metric, of those with all of these labels; undefined if there are none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
  /** Largest of these samples: of several workers, that of the worst. */
  max(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
}

interface Sample {
  readonly labels: string;
  readonly value: number;
}

/** Reads metrics in the text format of Prometheus. */
export function readMetrics(text: string): Metrics {
  const samples = new Map<string, Sample[]>();
  for (const line of text.split("\n")) {
    const [, name, labels = "", value] =
      /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    if (name === undefined || Number.isNaN(Number(value))) continue;
    const known = samples.get(name);
    const sample = { labels, value: Number(value) };
    if (known === undefined) samples.set(name, [sample]);
    else known.push(sample);
  }
  function valuesOf(name: string, labels: Readonly<Record<string, string>>): readonly number[] {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return (samples.get(name) ?? [])
      .filter((sample) => wanted.every((each) => sample.labels.split(",").includes(each)))
      .map(({ value }) => value);
  }

  return {
    sum(name, labels = {}) {
      const values = valuesOf(name, labels);
      return values.length === 0 ? undefined : values.reduce((all, value) => all + value, 0);
    },
    max(name, labels = {}) {
      const values = valuesOf(name, labels);
      return values.length === 0 ? undefined : Math.max(...values);
    },
  };
}

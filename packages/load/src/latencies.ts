import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from "hdr-histogram-js";

/** Largest latency that is told apart, in microseconds; longer ones count as this. */
const highestUs = 600_000_000;

/** Figures of a histogram, in microseconds. */
export interface LatencyFigures {
  readonly count: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  /** The whole histogram, as HdrHistogram's compressed V2 encoding in base64. Other tools of HdrHistogram read it. */
  readonly hdr: string;
}

/** Latencies in microseconds, kept to three digits. Those of several processes merge without loss. */
export class Latencies {
  readonly #histogram: Histogram = build({
    bitBucketSize: 64,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: highestUs,
    numberOfSignificantValueDigits: 3,
  });

  get count(): number {
    return this.#histogram.totalCount;
  }

  record(us: number): void {
    this.#histogram.recordValue(us < 1 ? 1 : us > highestUs ? highestUs : us);
  }

  /** Adds the latencies of another process, as its `encode` returned them. */
  merge(encoded: string): void {
    this.#histogram.add(decodeFromCompressedBase64(encoded));
  }

  encode(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  /** Returns the latency that `percent` percent do not exceed; 0 when nothing was recorded. */
  percentile(percent: number): number {
    return this.count === 0 ? 0 : this.#histogram.getValueAtPercentile(percent);
  }

  reset(): void {
    this.#histogram.reset();
  }

  figures(): LatencyFigures {
    const isEmpty = this.count === 0;
    return {
      count: this.count,
      meanUs: isEmpty ? 0 : Math.round(this.#histogram.mean),
      p50Us: this.percentile(50),
      p90Us: this.percentile(90),
      p99Us: this.percentile(99),
      p999Us: this.percentile(99.9),
      maxUs: isEmpty ? 0 : this.#histogram.maxValue,
      hdr: this.encode(),
    };
  }
}

/** Returns the latencies that a report holds. Throws if the text is no histogram. */
export function latenciesOf(encoded: string): Latencies {
  const latencies = new Latencies();
  latencies.merge(encoded);
  return latencies;
}

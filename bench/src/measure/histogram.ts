/** Histogram as it travels between processes: its non-empty buckets. */
export interface HistogramData {
  readonly buckets: readonly (readonly [index: number, count: number])[];
  readonly max: number;
}

/** Number of bits that divide each power of two into buckets. 64 buckets limit the error to 1/64. */
const subBits = 6;
const linearLimit = 2 << subBits;
const bucketCount = bucketOf(0x7fff_ffff) + 1;

function bucketOf(value: number): number {
  if (value < linearLimit) return value;
  const shift = 31 - Math.clz32(value) - subBits;
  return (shift << subBits) + (value >> shift);
}

function highestOf(bucket: number): number {
  if (bucket < linearLimit) return bucket;
  const shift = (bucket >> subBits) - 1;
  const first = ((bucket & ((1 << subBits) - 1)) | (1 << subBits)) * 2 ** shift;
  return first + 2 ** shift - 1;
}

/**
 * Counts whole numbers from 0 to 2^31 - 1 in buckets that grow with the value.
 *
 * Percentiles are exact below 128; above, they are at most 1/64 too high and never too low. Histograms of
 * several processes merge without loss.
 */
export class Histogram {
  readonly #counts = new Float64Array(bucketCount);
  #count = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  get max(): number {
    return this.#max;
  }

  /**
   * Counts one value. Fractions are cut off, negative values count as 0, and values beyond the range count as
   * the largest.
   */
  record(value: number): void {
    const whole = value > 0 ? Math.min(Math.trunc(value), 0x7fff_ffff) : 0;
    const bucket = bucketOf(whole);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count += 1;
    if (whole > this.#max) this.#max = whole;
  }

  merge(other: HistogramData): void {
    for (const [bucket, count] of other.buckets) {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#count += count;
    }
    this.#max = Math.max(this.#max, other.max);
  }

  /**
   * Returns the smallest value that at least `percent` percent of the recorded values do not exceed, at most
   * 1/64 too high; 0 when nothing was recorded.
   */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= wanted) return Math.min(highestOf(bucket), this.#max);
    }
    return this.#max;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#max = 0;
  }

  toData(): HistogramData {
    const buckets: [number, number][] = [];
    for (const [bucket, count] of this.#counts.entries()) {
      if (count > 0) buckets.push([bucket, count]);
    }
    return { buckets, max: this.#max };
  }
}

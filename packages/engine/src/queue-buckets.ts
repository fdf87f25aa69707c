/** Upper bound of the first bucket, in milliseconds. */
const firstBoundMs = 100;
/** Buckets for each doubling of a duration, so that a bucket is 19 % wide. */
const perDoubling = 4;
/** Number of the last bucket, which has all longer durations: more than nine days. */
const lastBucket = 92;

/** Returns the bucket of a duration in a histogram of waits: a whole number from 0. */
export function queueBucket(ms: number): number {
  if (ms <= firstBoundMs) return 0;
  return Math.min(lastBucket, Math.ceil(Math.log2(ms / firstBoundMs) * perDoubling));
}

/** Returns the upper bound of a bucket, in milliseconds. */
export function queueBucketBound(bucket: number): number {
  return firstBoundMs * 2 ** (bucket / perDoubling);
}

/**
 * Returns the duration below which a share of a histogram lies, in milliseconds, for instance with 0.9 for p90; undefined
 * for an empty one. Within a bucket, durations count as spread evenly.
 */
export function queueQuantile(
  histogram: Readonly<Record<number, number>>,
  share: number,
): number | undefined {
  const buckets = Object.entries(histogram)
    .map(([bucket, count]) => [Number(bucket), count] as const)
    .toSorted(([a], [b]) => a - b);
  let total = 0;
  for (const [, count] of buckets) total += count;
  if (total === 0) return undefined;
  let left = total * share;
  for (const [bucket, count] of buckets) {
    if (left <= count) {
      const low = bucket === 0 ? 0 : queueBucketBound(bucket - 1);
      return low + (queueBucketBound(bucket) - low) * (left / count);
    }
    left -= count;
  }
  return queueBucketBound(lastBucket);
}

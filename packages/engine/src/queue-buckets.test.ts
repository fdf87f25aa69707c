import { expect, test } from "vitest";
import { queueBucket, queueBucketBound, queueQuantile } from "./queue-buckets.ts";

test("[P-QUE-63] a bucket holds durations up to its bound and above that of the bucket before, 19 % wide", () => {
  expect([0, 100, 101, 200, 201].map(queueBucket)).toEqual([0, 0, 1, 4, 5]);
  for (let bucket = 1; bucket < 92; bucket++) {
    expect(queueBucket(queueBucketBound(bucket) * 0.999)).toBe(bucket);
    expect(queueBucketBound(bucket) / queueBucketBound(bucket - 1)).toBeCloseTo(1.189, 3);
  }
  expect(queueBucket(1e12)).toBe(92);
});

test("[P-QUE-63] a quantile of a histogram is within the width of a bucket of the truth", () => {
  expect(queueQuantile({}, 0.5)).toBeUndefined();
  const truth = Array.from({ length: 1_000 }, (_, n) => 500 + n * 37);
  const histogram: Record<number, number> = {};
  for (const ms of truth) histogram[queueBucket(ms)] = (histogram[queueBucket(ms)] ?? 0) + 1;
  for (const share of [0.1, 0.5, 0.9, 0.99]) {
    const exact = truth[Math.ceil(share * truth.length) - 1] ?? 0;
    expect(Math.abs((queueQuantile(histogram, share) ?? 0) / exact - 1)).toBeLessThan(0.19);
  }
});

const offsetUs = Number(process.hrtime.bigint() / 1_000n) - performance.now() * 1_000;

/**
 * Returns the time of the machine's monotonic clock, in whole microseconds.
 *
 * All processes of one machine read the same clock, so one process may subtract a time that another one
 * recorded.
 */
export function monotonicUs(): number {
  return Math.round(performance.now() * 1_000 + offsetUs);
}

const offsetUs = Number(process.hrtime.bigint() / 1_000n) - performance.now() * 1_000;

/**
 * Microseconds of the machine's monotonic clock, whole.
 *
 * Processes of one machine read the same clock, so one may subtract what another wrote down.
 */
export function monotonicUs(): number {
  return Math.round(performance.now() * 1_000 + offsetUs);
}

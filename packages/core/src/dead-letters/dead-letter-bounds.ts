import type { DeadLetterBounds } from "@milepost/engine";

/**
 * Bounds of the dead-letter queue: number of dead letters, characters of their data, and age in milliseconds.
 * Beyond a bound the oldest dead letters are dropped.
 */
export const deadLetterBounds: DeadLetterBounds = {
  maxDeadLetters: 10_000,
  maxLength: 64 * 1_024 * 1_024,
  maxAgeMs: 7 * 24 * 3_600_000,
};

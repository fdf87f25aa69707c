import type { DeadLetterBounds } from "@milepost/engine";

/** Bounds of the dead-letter queue: dead letters, characters of data, and age in milliseconds. */
export const deadLetterBounds: DeadLetterBounds = {
  maxDeadLetters: 10_000,
  maxLength: 64 * 1_024 * 1_024,
  maxAgeMs: 7 * 24 * 3_600_000,
};

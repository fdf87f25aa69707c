import type { DeadLetterBounds } from "@milepost/engine";

/** How much of what was given up is kept. */
export const deadLetterBounds: DeadLetterBounds = {
  maxLetters: 10_000,
  maxLength: 64 * 1_024 * 1_024,
  maxAgeMs: 7 * 24 * 3_600_000,
};

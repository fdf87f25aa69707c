import type { DeadLetter, DeadLetterQuery } from "./ports/dead-letter-store.ts";

/**
 * Returns true when a dead letter meets all conditions of a query except `after` and `limit`. Engines filter
 * lists with it.
 */
export function matchesDeadLetter(
  deadLetter: DeadLetter,
  { channel, subscriber, reason }: DeadLetterQuery,
): boolean {
  return (
    (channel === undefined || deadLetter.channel === channel) &&
    (subscriber === undefined || deadLetter.subscriber?.name === subscriber) &&
    (reason === undefined ||
      deadLetter.reason === reason ||
      deadLetter.reason.startsWith(`${reason}:`))
  );
}

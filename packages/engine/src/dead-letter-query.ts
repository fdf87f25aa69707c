import type { DeadLetter, DeadLetterQuery } from "./ports/dead-letter-store.ts";

/** Whether a letter is what a query asks for, its place aside; for engines. */
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

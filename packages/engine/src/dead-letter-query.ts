import type { DeadLetter, DeadLetterQuery } from "./ports/dead-letters.ts";

/** Whether a letter is what a query asks for, its place aside; for engines. */
export function matchesLetter(
  letter: DeadLetter,
  { channel, subscriber, reason }: DeadLetterQuery,
): boolean {
  return (
    (channel === undefined || letter.channel === channel) &&
    (subscriber === undefined || letter.subscriber?.name === subscriber) &&
    (reason === undefined || letter.reason === reason || letter.reason.startsWith(`${reason}:`))
  );
}

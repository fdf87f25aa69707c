/** Returns the reason of a failure as text for a log line, without a stack. */
export function reasonOf(error: unknown): string {
  // A connection to a host with several addresses fails with one error per address and an empty message.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(", ");
  if (!(error instanceof Error)) return String(error);
  if (error.message !== "") return error.message;
  return "code" in error ? String(error.code) : error.name;
}

/** Why something failed, in one line for a log: no stack. */
export function reasonOf(error: unknown): string {
  // A host with several addresses fails with one error for each, and no message.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(", ");
  if (!(error instanceof Error)) return String(error);
  if (error.message !== "") return error.message;
  return "code" in error ? String(error.code) : error.name;
}

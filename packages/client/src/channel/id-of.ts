/**
 * Returns the id in the name of a channel such as `chat:42`, and any other value unchanged. Functions that take an
 * id accept the whole name too, because functions next to them take the name.
 */
export function idOf(kind: "chat" | "operation", id: string): string {
  const prefix = `${kind}:`;
  return typeof id === "string" && id.startsWith(prefix) ? id.slice(prefix.length) : id;
}

/** Returns a short reason that is the same for all connections, from the text of an error. */
export function reasonOf(text: string): string {
  const status = /HTTP\/1\.[01] (\d{3}[^\r\n{]*)/.exec(text)?.[1]?.trim();
  const code = /"(?:code|title)":"([^"]{1,80})"/.exec(text)?.[1];
  if (status !== undefined) return code === undefined ? status : `${status}: ${code}`;
  // Addresses and ports of a system error differ from connection to connection.
  return text
    .replace(/ ?\[?[\da-f:.]+\]?:\d+/gi, "")
    .replace(/ - Local.*/, "")
    .slice(0, 160);
}

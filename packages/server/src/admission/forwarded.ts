import type { IncomingHttpHeaders } from "node:http";

/** Headers in which proxies pass on the address of a client, the preferred one first. */
export const forwardingHeaders = ["x-forwarded-for", "forwarded", "x-real-ip"] as const;

/** Name of a header in which proxies pass on the address of a client. */
export type ForwardingHeader = (typeof forwardingHeaders)[number];

/** Maximum number of addresses that are read of one header, counted from the nearest proxy. */
const maxHops = 32;

/**
 * Reads the addresses that a forwarding header names, the client's first and the nearest proxy's last. Elements that
 * name no address, such as `unknown`, stay in the list as they are. Returns an empty list for an absent header.
 */
export function readForwarded(
  headers: IncomingHttpHeaders,
  name: ForwardingHeader,
): readonly string[] {
  const value = headers[name];
  const text = Array.isArray(value) ? value.join(",") : (value ?? "");
  if (text.trim() === "") return [];
  const elements =
    name === "forwarded" ? splitUnquoted(text, ",").map(forOf) : text.split(",").map(trimmed);
  return elements.slice(-maxHops);
}

function trimmed(text: string): string {
  return text.trim();
}

/** Returns the value of `for` in one element of `Forwarded` (RFC 7239); empty if it has none. */
function forOf(element: string): string {
  for (const pair of splitUnquoted(element, ";")) {
    const [, value] = /^\s*for\s*=\s*(.*?)\s*$/i.exec(pair) ?? [];
    if (value === undefined) continue;
    const [, quoted] = /^"((?:[^"\\]|\\.)*)"$/.exec(value) ?? [];
    return quoted === undefined ? value : quoted.replace(/\\(.)/g, "$1");
  }
  return "";
}

/** Splits a text at a separator, except within quoted strings. */
function splitUnquoted(text: string, separator: "," | ";"): string[] {
  const parts: string[] = [];
  let from = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "\\" && isQuoted) at++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === separator && !isQuoted) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

import { MilepostError } from "@milepost/protocol";

/**
 * Returns a function that returns the gateway's address, see {@link gatewayUrl}. Throws `bad_message` at once for an
 * invalid address. An address that is relative to the page is resolved when it is needed: a server that renders a
 * page has no location, and connects to nothing.
 */
export function gatewayAddress(url: string): () => URL {
  let known: URL | undefined;
  const isPage = globalThis.location !== undefined;
  if (isPage || !isRelative(url)) known = gatewayUrl(url);
  return () => {
    known ??= gatewayUrl(url);
    return known;
  };
}

function isRelative(url: string): boolean {
  return /^(?![a-z][a-z\d+.-]*:)\S*$/i.test(url);
}

/**
 * Returns the gateway's address as a WebSocket URL, with the path `/ws` when only a host is given. Throws
 * `bad_message` for an invalid address.
 */
export function gatewayUrl(url: string): URL {
  let parsed: URL;
  try {
    parsed = new URL(url, globalThis.location?.href);
  } catch (cause) {
    throw new MilepostError(
      "bad_message",
      isRelative(url)
        ? `url "${url}" is relative to a page, and there is none here; write it like wss://example.com/ws`
        : `url "${url}" is not a valid address; write it like wss://example.com/ws`,
      { cause },
    );
  }
  if (parsed.protocol === "http:") parsed.protocol = "ws:";
  if (parsed.protocol === "https:") parsed.protocol = "wss:";
  if (parsed.protocol !== "ws:" && parsed.protocol !== "wss:") {
    throw new MilepostError(
      "bad_message",
      `url "${url}" must begin with ws:, wss:, http: or https:`,
    );
  }
  if (parsed.pathname === "/") parsed.pathname = "/ws";
  parsed.hash = "";
  return parsed;
}

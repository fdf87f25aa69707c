import { MilepostError } from "@milepost/protocol";

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
      `url "${url}" is not a valid address; write it like wss://example.com/ws`,
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

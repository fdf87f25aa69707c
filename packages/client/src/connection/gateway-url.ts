import { MilepostError } from "@milepost/protocol";

/** The gateway's address as a WebSocket needs it, `/ws` where only a host is named; `bad_message` when it is none. */
export function gatewayUrl(url: string): URL {
  let parsed: URL;
  try {
    parsed = new URL(url, globalThis.location?.href);
  } catch (cause) {
    throw new MilepostError(
      "bad_message",
      `url "${url}" is no address; write it like wss://example.com/ws`,
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

import type { IncomingMessage } from "node:http";
import { readRefusal } from "@milepost/protocol";
import { WebSocket } from "ws";
import { problemText } from "./api.ts";

/** Outcome of an attempt to open a WebSocket: the upgrade succeeded, or the reason why not. */
export type Upgrade =
  | { readonly passes: true }
  /** The upgrade was refused or failed. `status` is the HTTP status, absent if there was no response. */
  | { readonly passes: false; readonly status?: number; readonly says: string };

const maxAnswerLength = 64 * 1_024;

/**
 * Opens a WebSocket and closes it at once. If the server refuses the upgrade, the outcome has the reason from
 * the server's response, which a WebSocket client does not see.
 */
export function tryUpgrade(url: URL, timeoutMs: number): Promise<Upgrade> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url.href.replace(/^http/, "ws"), { handshakeTimeout: timeoutMs });
    socket.once("open", () => {
      resolve({ passes: true });
      socket.close();
    });
    socket.once("unexpected-response", (request, response) => {
      const status = response.statusCode ?? 0;
      response.setTimeout(timeoutMs, () => response.destroy());
      const headers = { get: (name: string) => String(response.headers[name] ?? "") };
      readRefusal({ status, headers, text: () => textOf(response) }).then((refusal) => {
        resolve({ passes: false, status, says: problemText(refusal) });
        request.destroy();
      });
    });
    socket.once("error", (error) => resolve({ passes: false, says: causeOf(error) }));
  });
}

/** Returns the innermost reason why a connection failed. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const innermost = cause instanceof Error ? cause : error;
  if (innermost.message !== "") return innermost.message;
  return "code" in innermost ? String(innermost.code) : innermost.name;
}

/**
 * Returns the response body as text. Stops reading after a little more than 64 Ki characters, or where the
 * response is cut off.
 */
async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  try {
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > maxAnswerLength) break;
    }
  } catch {
    // The response was cut off; the part that arrived may be enough.
  }
  return text;
}

import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { problemText } from "./api.ts";

/** Outcome of a requested WebSocket upgrade. */
export type Upgrade =
  | { readonly passes: true }
  /** Refused or failed upgrade. `status` is absent when there was no response. */
  | { readonly passes: false; readonly status?: number; readonly says: string };

const maxAnswerLength = 64 * 1_024;

/**
 * Opens a WebSocket and closes it at once. A refusal carries the server's own words, which WebSocket clients
 * never see.
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
      textOf(response).then((text) => {
        resolve({ passes: false, status, says: problemText(status, jsonOf(text)) });
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

/** Returns as much of the response body as arrives, up to a little over 64 Ki characters. */
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

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

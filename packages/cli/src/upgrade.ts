import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { problemText } from "./api.ts";

/** What became of a WebSocket that was asked for. */
export type Upgrade =
  | { readonly passes: true }
  /** The status of the answer is absent where there was none. */
  | { readonly passes: false; readonly status?: number; readonly says: string };

const maxAnswerLength = 64 * 1_024;

/** Asks for a WebSocket and hangs up; a refusal is told in the words of whoever refused it, which clients never get to see. */
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

/** The innermost reason of a connection that could not be made. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const innermost = cause instanceof Error ? cause : error;
  if (innermost.message !== "") return innermost.message;
  return "code" in innermost ? String(innermost.code) : innermost.name;
}

/** As much of the answer as comes. */
async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  try {
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > maxAnswerLength) break;
    }
  } catch {
    // It was cut; what has come may be enough.
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

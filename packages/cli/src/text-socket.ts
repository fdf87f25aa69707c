import type { WebSocketLike } from "@milepost/client";
import { isRecord, JsonText, parseCarrying } from "@milepost/protocol";
import { WebSocket } from "ws";

/** Maximum nesting depth of a frame. It is larger than that of the deepest data with the message around it. */
const maxDepth = 256;

/**
 * WebSocket that hands the data of each event to the client as text: as a string with the JSON that the publisher
 * sent. The client itself would read the data as values, and round numbers.
 */
export class TextSocket implements WebSocketLike {
  readonly #socket: WebSocket;

  constructor(url: string, protocols?: string[]) {
    // The short form has no names by which the data could be found.
    const long = protocols?.filter((protocol) => !protocol.endsWith(".short"));
    this.#socket = new WebSocket(url, long);
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  readonly addEventListener: WebSocketLike["addEventListener"] = (
    type: string,
    listener: (event: never) => void,
  ) => {
    const forward = (event: unknown) => listener(event as never);
    if (type === "message") {
      this.#socket.addEventListener("message", ({ data }) => forward({ data: withTexts(data) }));
    } else this.#socket.addEventListener(type as "open", forward);
  };
}

/** Returns a frame in which the data of each message is a string with its JSON text. */
export function withTexts(frame: unknown): unknown {
  if (typeof frame !== "string") return frame;
  const value = parseCarrying(frame, ["data"], maxDepth);
  // The client reports a frame that cannot be read.
  if (!value.ok) return frame;
  for (const message of Array.isArray(value.value) ? value.value : [value.value]) {
    if (isRecord(message) && message.data instanceof JsonText) message.data = message.data.text;
  }
  return JSON.stringify(value.value);
}

import { shortReader } from "@milepost/protocol";
import type { Codec } from "./codec.ts";
import { frameOf } from "./outgoing.ts";
import type { TransportConnection, TransportConnectionEvents } from "./transport.ts";

/**
 * Part of a WebSocket that the client uses. The WebSocket of browsers, of Node and of the package `ws` can be
 * passed.
 */
export interface WebSocketLike {
  /** Subprotocol that the gateway chose, once the socket is open. */
  readonly protocol?: string;
  binaryType?: string;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(
    type: "close",
    listener: (event: { readonly code: number; readonly reason: string }) => void,
  ): void;
  addEventListener(type: "error", listener: () => void): void;
}

/** Constructor of a WebSocket. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

/** Events of a socket for the code that opened it. */
interface SocketEvents extends TransportConnectionEvents {
  onOpen(): void;
}

/** Transport connection over one WebSocket. After `release` it reports no more events. */
export class Socket implements TransportConnection {
  /** Resolves when the WebSocket is closed on both sides. */
  readonly closed: Promise<void>;
  readonly #webSocket: WebSocketLike;
  readonly #codec: Codec | undefined;
  #owned = true;

  constructor(
    WebSocket: WebSocketConstructor,
    url: string,
    protocols: string[],
    codec: Codec | undefined,
    events: SocketEvents,
  ) {
    const webSocket = new WebSocket(url, protocols);
    this.#webSocket = webSocket;
    this.#codec = codec;
    if (codec !== undefined) webSocket.binaryType = "arraybuffer";
    webSocket.addEventListener("open", () => {
      if (this.#owned) events.onOpen();
    });
    const read = shortReader();
    webSocket.addEventListener("message", ({ data }) => {
      if (!this.#owned) return;
      const binary = codec && data instanceof ArrayBuffer ? new Uint8Array(data) : undefined;
      events.onFrame(
        read(binary ? codec?.decode(binary) : data),
        (binary ?? (data as string)).length,
      );
    });
    // A close event follows each error and carries all the information.
    webSocket.addEventListener("error", () => {});
    this.closed = new Promise((resolve) => {
      webSocket.addEventListener("close", ({ code, reason }) => {
        resolve();
        if (!this.#owned) return;
        this.#owned = false;
        events.onClose(code, reason);
      });
    });
  }

  send(messages: readonly string[]): void {
    const text = frameOf(messages);
    try {
      const codec = this.#codec;
      const { protocol } = this.#webSocket;
      const isCoded = codec !== undefined && protocol?.startsWith(codec.subprotocol) === true;
      this.#webSocket.send(isCoded ? codec.encode(JSON.parse(text)) : text);
    } catch {
      // The socket is not open. Its close event reports the loss, and pending calls that may be repeated are
      // sent again later.
    }
  }

  release(): void {
    this.#owned = false;
    try {
      this.#webSocket.close(1000);
    } catch {
      // The socket never opened, so there is nothing to close.
    }
  }
}

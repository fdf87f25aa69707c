import type { Codec } from "./codec.ts";
import { frameOf } from "./outgoing.ts";
import type { TransportConnection, TransportConnectionEvents } from "./transport.ts";

/** What the client uses of a WebSocket: the browser's, Node's and that of the package `ws` all fit. */
export interface WebSocketLike {
  /** What was chosen of the protocols offered, once it is open. */
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

/** Opens a WebSocket. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

/** What a socket tells its owner. */
interface SocketEvents extends TransportConnectionEvents {
  onOpen(): void;
}

/** One WebSocket, which says nothing more once its owner has let go of it. */
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
    webSocket.addEventListener("message", ({ data }) => {
      if (!this.#owned) return;
      if (codec !== undefined && data instanceof ArrayBuffer) {
        events.onFrame(codec.decode(new Uint8Array(data)), data.byteLength);
      } else events.onFrame(data);
    });
    // A close follows each error and says all there is to know.
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
      const isCoded = codec !== undefined && codec.subprotocol === this.#webSocket.protocol;
      this.#webSocket.send(isCoded ? codec.encode(JSON.parse(text)) : text);
    } catch {
      // Not open (any more): the close says so, and what needs an answer is sent again.
    }
  }

  release(): void {
    this.#owned = false;
    try {
      this.#webSocket.close(1000);
    } catch {
      // It never opened; there is nothing to close.
    }
  }
}

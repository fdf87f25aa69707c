/** How messages travel: each is worse than the one before, and gets through where that does not. */
export type TransportName = "websocket" | "sse" | "poll";

/** Every transport, the best first. */
export const transportNames: readonly TransportName[] = ["websocket", "sse", "poll"];

/** What a line tells its owner, until it is released. */
export interface TransportConnectionEvents {
  /** A message of the service, or an array of them, as JSON text or as the value it stands for; `bytes` on the wire. */
  onFrame(frame: unknown, bytes?: number): void;
  onClose(code: number, reason: string): void;
}

/** One connection to the service, whatever carries it: a WebSocket, or what stands in for one. */
export interface TransportConnection {
  /** Resolves when it is closed on both sides. */
  readonly closed: Promise<void>;
  /**
   * Sends messages in order, together where it can, as long as that is about `maxBytes` at most. One that is closing
   * drops them, since its close is about to be told.
   */
  send(messages: readonly string[], maxBytes: number): void;
  /** Lets go of it: closes it, and tells nothing more. */
  release(): void;
}

/** What a line is opened with. */
export interface Attempt {
  /** The gateway's WebSocket address. */
  readonly url: URL;
  readonly token: string | undefined;
  /** The connection it replaces. */
  readonly connectionId: string | undefined;
}

/** Opens lines of one kind; throws where that cannot even be tried. */
export interface Transport {
  readonly name: TransportName;
  open(attempt: Attempt, events: TransportConnectionEvents): TransportConnection;
}

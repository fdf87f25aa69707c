import type { Socket } from "node:net";
import type { CoreLog } from "@milepost/core";
import type { ClientAddresses } from "./client-addresses.ts";
import { readProxyHeader } from "./proxy-header.ts";

/** Parts of {@link ProxyReader}. */
export interface ProxyReaderOptions {
  readonly addresses: ClientAddresses;
  /** Called with each connection once its header is read, or if it has none to read. */
  readonly onConnection: (socket: Socket) => void;
  /** Time for the header to arrive, in milliseconds. */
  readonly timeoutMs: number;
  readonly log: Pick<CoreLog, "warn">;
}

/**
 * Reads the PROXY protocol header with which a trusted proxy begins each of its connections.
 *
 * A connection of a trusted proxy without a valid header is closed: guessing would let its clients forge one. Other
 * peers cannot send a header; their connections go to the server unread.
 */
export class ProxyReader {
  readonly #options: ProxyReaderOptions;
  /** Sockets whose header has not arrived yet. */
  readonly #reading = new Set<Socket>();
  /** Sockets whose header was read. Node's server sees a socket again whose upgrade was declined. */
  readonly #read = new WeakSet<Socket>();
  #hasWarned = false;

  constructor(options: ProxyReaderOptions) {
    this.#options = options;
  }

  /** Handles a new connection. */
  accept(socket: Socket): void {
    const { addresses, onConnection, timeoutMs } = this.#options;
    if (this.#read.has(socket) || !addresses.isProxy(socket)) {
      onConnection(socket);
      return;
    }
    let received: Buffer = Buffer.alloc(0);
    const onReadable = () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const header = readProxyHeader(received);
      if (header.kind === "partial") return;
      forget();
      if (header.kind === "invalid") {
        this.#warn(socket);
        socket.destroy();
        return;
      }
      this.#read.add(socket);
      if (header.source !== undefined) addresses.setPeer(socket, header.source);
      const rest = received.subarray(header.length);
      if (rest.length > 0) socket.unshift(rest);
      onConnection(socket);
    };
    const forget = () => {
      this.#reading.delete(socket);
      socket.setTimeout(0);
      socket.removeListener("readable", onReadable);
      socket.removeListener("close", forget);
      for (const event of ends) socket.removeListener(event, destroy);
    };
    this.#reading.add(socket);
    socket.setTimeout(timeoutMs);
    socket.on("readable", onReadable);
    socket.on("close", forget);
    for (const event of ends) socket.on(event, destroy);
  }

  /** Cuts the connections whose header has not arrived yet. */
  close(): void {
    for (const socket of this.#reading) socket.destroy();
  }

  #warn(socket: Socket): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#options.log.warn(
      { event: "proxy.no_header", peer: socket.remoteAddress },
      "closed a connection of a trusted proxy that did not begin with a PROXY protocol header; let the proxy send one (send-proxy), or turn proxyProtocol off",
    );
  }
}

const ends = ["timeout", "end", "error"] as const;

function destroy(this: Socket): void {
  this.destroy();
}

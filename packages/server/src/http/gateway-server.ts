import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { offersWebSocket } from "./declined-upgrade.ts";
import { type HttpHandlers, mount } from "./mount.ts";

/** How long a peer may take over its request. */
export interface ServerTimeouts {
  /** For the head of a request; 10 s when absent. */
  readonly headersMs: number;
  /** For a whole request, body included; 30 s when absent. */
  readonly requestMs: number;
}

/** How many connects may wait to be accepted: a storm of reconnects comes all at once. */
const backlog = 4_096;
const closeGraceMs = 1_000;
const maxHeaderBytes = 16 * 1024;
const maxHeaders = 100;

/** The gateway's own HTTP server, for when it is not part of another. */
export class GatewayServer {
  readonly #server: Server;
  #opened = false;

  constructor(doors: HttpHandlers, timeouts: Partial<ServerTimeouts>) {
    const { headersMs = 10_000, requestMs = 30_000 } = timeouts;
    const options = {
      headersTimeout: headersMs,
      requestTimeout: Math.max(requestMs, headersMs),
      connectionsCheckingInterval: Math.min(headersMs, 5_000),
      maxHeaderSize: maxHeaderBytes,
      // Newer Nodes ask before they hand an upgrade out; with older ones it is declined afterwards.
      shouldUpgradeCallback: offersWebSocket,
    };
    this.#server = createServer(options, doors.request);
    this.#server.maxHeadersCount = maxHeaders;
    mount(this.#server, doors);
  }

  /** Resolves with the address once it listens; rejects with an error that says what to do. */
  async listen(port: number, host: string): Promise<AddressInfo> {
    this.#server.listen({ port, host, backlog });
    try {
      await once(this.#server, "listening");
    } catch (cause) {
      throw new Error(explain(cause, port, host), { cause });
    }
    this.#opened = true;
    const { address } = this;
    if (address === undefined) throw new Error("the server listens on no port");
    return address;
  }

  get address(): AddressInfo | undefined {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address : undefined;
  }

  /** Takes no new connections; those that are open stay. */
  leavePort(): void {
    this.#server.close();
  }

  /** Stops listening, lets answers that are on their way out, and cuts what is open after a second. */
  async close(): Promise<void> {
    if (!this.#opened) return;
    this.#opened = false;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const cutOff = setTimeout(() => this.#server.closeAllConnections(), closeGraceMs);
    await closed;
    clearTimeout(cutOff);
  }
}

function explain(cause: unknown, port: number, host: string): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} on ${host} is in use; stop what listens there or choose another port`;
    case "EACCES":
      return `port ${port} needs more rights than this process has; choose one above 1023`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is no address of this machine; use 127.0.0.1, or 0.0.0.0 for all`;
    default:
      return `cannot listen on ${host}:${port}: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}

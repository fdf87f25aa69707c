import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { CoreLog } from "@milepost/core";
import type { Clock } from "@milepost/engine";
import type { ClientSockets } from "../admission/client-sockets.ts";
import { ProxyReader } from "../admission/proxy-reader.ts";
import { offersWebSocket } from "./declined-upgrade.ts";
import type { HttpServer } from "./http-server.ts";
import { explainListenError } from "./listen-error.ts";
import { type HttpHandlers, mount } from "./mount.ts";
import { readTlsFiles, TlsCertificate, type TlsFiles } from "./tls-certificate.ts";

/** Time limits for receiving a request, in milliseconds. */
export interface ServerTimeouts {
  /** Time limit for the head of a request; 10 s when absent. */
  readonly headersMs: number;
  /** Time limit for a whole request, including its body; 30 s when absent. */
  readonly requestMs: number;
}

/**
 * Length of the queue of connections that wait to be accepted. It is long because clients reconnect all at
 * once.
 */
const backlog = 4_096;
const closeGraceMs = 1_000;
const maxHeaderBytes = 16 * 1024;

/** Parts and settings of {@link GatewayServer}. */
export interface GatewayServerOptions {
  readonly timeouts: Partial<ServerTimeouts>;
  readonly sockets: ClientSockets;
  /** True if trusted proxies begin each connection with a PROXY protocol header. */
  readonly proxyProtocol: boolean;
  /** Files of the certificate to serve TLS with; plain HTTP when absent. */
  readonly tls?: TlsFiles;
  readonly clock: Pick<Clock, "after" | "now">;
  readonly log: Pick<CoreLog, "info" | "warn">;
}

/** The gateway's own HTTP server, used when the gateway is not part of a host program's server. */
export class GatewayServer {
  readonly #server: HttpServer;
  #certificate: TlsCertificate | undefined;
  #proxyReader: ProxyReader | undefined;
  #opened = false;
  #left: Promise<void> | undefined;

  constructor(
    doors: HttpHandlers,
    { timeouts, sockets, proxyProtocol, tls, clock, log }: GatewayServerOptions,
  ) {
    const { headersMs = 10_000, requestMs = 30_000 } = timeouts;
    const options = {
      headersTimeout: headersMs,
      requestTimeout: Math.max(requestMs, headersMs),
      connectionsCheckingInterval: Math.min(headersMs, 5_000),
      maxHeaderSize: maxHeaderBytes,
      // Newer Node versions call `shouldUpgradeCallback` before they emit an upgrade. Older versions emit every
      // upgrade, and `mount` declines those that do not offer a WebSocket.
      shouldUpgradeCallback: offersWebSocket,
    };
    this.#server =
      tls === undefined
        ? createServer(options, doors.request)
        : this.#createSecure(tls, { ...options, handshakeTimeout: headersMs }, doors.request, {
            clock,
            log,
          });
    // Node would drop headers beyond its limit without a word; `mount` refuses such requests instead.
    this.#server.maxHeadersCount = 0;
    mount(this.#server, doors);
    if (proxyProtocol) this.#proxyReader = this.#readHeaders(sockets, headersMs, log);
    this.#server.prependListener("connection", (socket) =>
      sockets.accepted(socket, tls !== undefined),
    );
    if (tls !== undefined) {
      this.#server.prependListener("secureConnection", (socket) => sockets.secured(socket));
    }
  }

  /** Creates a server that speaks TLS 1.2 or newer. Clients need not name the host that they want. */
  #createSecure(
    files: TlsFiles,
    options: object,
    request: RequestListener,
    parts: Pick<GatewayServerOptions, "clock" | "log">,
  ): SecureServer {
    const material = readTlsFiles(files);
    const secure = { minVersion: "TLSv1.2" } as const;
    const server = createSecureServer({ ...options, ...secure, ...material }, request);
    this.#certificate = new TlsCertificate(files, {
      ...parts,
      // Open connections keep the certificate with which they began.
      onChange: (renewed) => server.setSecureContext({ ...secure, ...renewed }),
    });
    this.#certificate.follow(material);
    return server;
  }

  /** Reads a PROXY protocol header before Node's own listeners take a connection. */
  #readHeaders(
    { addresses }: ClientSockets,
    timeoutMs: number,
    log: Pick<CoreLog, "warn">,
  ): ProxyReader {
    const server = this.#server;
    const listeners = server.listeners("connection");
    const onConnection = (socket: Socket) => {
      for (const listener of listeners) Reflect.apply(listener, server, [socket]);
    };
    const reader = new ProxyReader({ addresses, onConnection, timeoutMs, log });
    server.removeAllListeners("connection");
    server.on("connection", (socket) => reader.accept(socket));
    return reader;
  }

  /** Resolves with the address once the server listens; rejects with an error that says what to do. */
  async listen(port: number, host: string): Promise<AddressInfo> {
    this.#server.listen({ port, host, backlog });
    try {
      await once(this.#server, "listening");
    } catch (cause) {
      this.#certificate?.close();
      throw new Error(explainListenError(cause, port, host), { cause });
    }
    this.#opened = true;
    const { address } = this;
    if (address === undefined) throw new Error("the server is listening, but not on a TCP port");
    return address;
  }

  get address(): AddressInfo | undefined {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address : undefined;
  }

  /**
   * Stops accepting new connections; open connections stay. Resolves once every connection has ended, at the latest after
   * 1 s, so that requests that were accepted before are answered by then.
   */
  leavePort(): Promise<void> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  async #leave(): Promise<void> {
    if (!this.#opened) return;
    const ended = new AbortController();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    const late = pause(closeGraceMs, undefined, { signal: ended.signal }).catch(() => {});
    await Promise.race([closed, late]);
    ended.abort();
  }

  /** Stops listening, lets running answers finish, and cuts connections that are still open after 1 s. */
  async close(): Promise<void> {
    if (!this.#opened) return;
    this.#opened = false;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#certificate?.close();
    this.#proxyReader?.close();
    const cutOff = setTimeout(() => this.#server.closeAllConnections(), closeGraceMs);
    await closed;
    clearTimeout(cutOff);
  }
}

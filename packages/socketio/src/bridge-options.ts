import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { ServerOptions } from "socket.io";
import type { BridgeMeter } from "./instruments.ts";

/** The parts of a gateway of this program that the bridge uses: the gateway that `createGateway` returns. */
export interface EmbeddedGateway {
  attach(server: HttpServer): () => void;
  mintGuest(name: string): { readonly token: string };
}

/** Log that the bridge writes to, such as one of pino. */
export interface BridgeLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Limits of a bridge. Each has a default. */
export interface BridgeLimits {
  /** Connections of Socket.IO at this bridge; default 10,000. */
  readonly maxConnections: number;
  /** Connections of one address; default 1,000. */
  readonly maxConnectionsPerAddress: number;
  /** Connections that have shown no credential yet, after which the oldest makes room; default 1,000. */
  readonly maxUnauthenticated: number;
  /** The same of one address; default 100. */
  readonly maxUnauthenticatedPerAddress: number;
  /** Largest message of a client, in bytes; default 1,048,576. */
  readonly maxMessageBytes: number;
  /** Messages of one client per second, on average; it may send those of two seconds at once. Default 100. */
  readonly messagesPerSecond: number;
  /** Bytes of one client per second, on average; it may send those of two seconds at once. Default 1,048,576. */
  readonly bytesPerSecond: number;
  /** Data that may wait for a slow client before the bridge stops reading from the gateway, in bytes; default 65,536. */
  readonly maxWaitingBytes: number;
  /** Time for a client to connect its socket, and for one without a token to join, in milliseconds; default 10,000. */
  readonly joinTimeoutMs: number;
  /** Time for the gateway to answer, in milliseconds; default 10,000. */
  readonly gatewayTimeoutMs: number;
}

export const defaultLimits: BridgeLimits = {
  maxConnections: 10_000,
  maxConnectionsPerAddress: 1_000,
  maxUnauthenticated: 1_000,
  maxUnauthenticatedPerAddress: 100,
  maxMessageBytes: 1_048_576,
  messagesPerSecond: 100,
  bytesPerSecond: 1_048_576,
  maxWaitingBytes: 65_536,
  joinTimeoutMs: 10_000,
  gatewayTimeoutMs: 10_000,
};

/** Options of `createSocketIoBridge`. Either `gateway` or `url` is needed. */
export interface BridgeOptions {
  /** Gateway of this program. */
  readonly gateway?: EmbeddedGateway;
  /** Address of a gateway elsewhere: `ws:`, `wss:`, `http:` or `https:`. */
  readonly url?: string;
  /** API key with the scope `tickets`; needed for `guests` with `url`, and sent for nothing else. */
  readonly apiKey?: string;
  /**
   * True to let a page without a token join as the guest that it names; default false. The gateway must admit guests
   * too. Whoever knows the name of such a guest can join as it.
   */
  readonly guests?: boolean;
  /**
   * Channels that each page reads besides those of its user, session or guest: names with `{user}`, `{session}` and
   * `{guest}`. Those that a page may not read are left out. Default `["broadcast"]`.
   */
  readonly channels?: readonly string[];
  /** Headers of the connections to the gateway, such as an `Origin` or a `Host` where the gateway asks for one. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * True to name the client's address to the gateway in `X-Forwarded-For`; default false. The gateway must have the
   * address of the bridge among its `trustedProxies`.
   */
  readonly forwardAddress?: boolean;
  /**
   * Returns the address whose connections are counted; undefined for a request without a limit of addresses. Default
   * the peer's address, unless it is on loopback or private, because a proxy there may serve everybody.
   */
  readonly addressOf?: (request: IncomingMessage) => string | undefined;
  readonly limits?: Partial<BridgeLimits>;
  /** Options of the Socket.IO server, for example `path` or `transports`. */
  readonly server?: Partial<
    Omit<ServerOptions, "adapter" | "allowRequest" | "connectionStateRecovery">
  >;
  readonly log?: BridgeLog;
  /** Recorder of metrics, as `createGateway` takes it; nothing is recorded when absent. */
  readonly meter?: BridgeMeter;
}

import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createGateway, type Gateway, type GatewayOptions } from "@milepost/server";
import type { Server } from "socket.io";
import {
  io as connectPage,
  type ManagerOptions,
  type Socket,
  type SocketOptions,
} from "socket.io-client";
import { createSocketIoBridge, type SocketIoBridge } from "../bridge.ts";
import type { BridgeOptions } from "../bridge-options.ts";

export const apiKey = "key-of-the-test-service";
export const tokenSecret = "the token secret of a test gateway, which is long";
export const frontendUrl = "http://localhost:3000";

/** Options of a page's client. */
export type PageOptions = Partial<ManagerOptions & SocketOptions>;

/** A gateway with its bridge on one port, as the program of a team would have them. */
export interface BridgedGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly bridge: SocketIoBridge;
  readonly io: Server;
  readonly server: HttpServer;
  readonly port: number;
  readonly url: string;
  /** Opens a page of `socket.io-client`, with the options of the design unless others are given. */
  page(options?: PageOptions): Page;
  token(user?: string, content?: object): Promise<string>;
}

/** Starts a gateway and a bridge. */
export async function startBridged(
  options: {
    readonly gateway?: Partial<GatewayOptions>;
    readonly bridge?: Partial<BridgeOptions>;
  } = {},
): Promise<BridgedGateway> {
  const gateway = createGateway({
    log: { info() {}, warn() {}, error() {} },
    ...options.gateway,
    auth: { tokenSecret, apiKeys: [{ name: "test", key: apiKey }], ...options.gateway?.auth },
  });
  const bridge = createSocketIoBridge({ gateway, ...options.bridge });
  const server = createServer((_, response) => response.writeHead(404).end());
  const io = bridge.initialize(server, frontendUrl);
  gateway.attach(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const pages: Page[] = [];
  return {
    gateway,
    bridge,
    io,
    server,
    port,
    url,
    page(pageOptions) {
      const page = new Page(url, pageOptions);
      pages.push(page);
      return page;
    },
    token: (user = "7", content = {}) => gateway.mintToken({ user, ...content }),
    async [Symbol.asyncDispose]() {
      for (const page of pages) page.socket.disconnect();
      await bridge.close();
      await gateway.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Data that a client keeps for its recovery. */
export interface Kept {
  readonly _pid: string;
  readonly _lastOffset: string;
}

/** One event that a page got. */
export type Seen = readonly [event: string, ...args: unknown[]];

/** A page with the official client. It keeps every event, and lets a test wait for the next one of a name. */
export class Page {
  readonly socket: Socket;
  /** Events that the page got, without the first event of the bridge. */
  readonly seen: Seen[] = [];
  readonly #taken = new Set<Seen>();
  readonly #waiting = new Set<() => void>();

  constructor(url: string, options: PageOptions = {}) {
    this.socket = connectPage(url, {
      // Pages in one process would share a connection otherwise.
      forceNew: true,
      reconnection: true,
      reconnectionAttempts: 5,
      reconnectionDelay: 20,
      transports: ["websocket", "polling"],
      ...options,
    });
    this.socket.onAny((event: string, ...args: unknown[]) => this.#take([event, ...args]));
    for (const event of ["connect", "disconnect", "connect_error"] as const) {
      this.socket.on(event as "connect", (...args: unknown[]) => this.#take([event, ...args]));
    }
  }

  /** Resolves with the first argument of the next event of this name that the test has not taken yet. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  async next(event: string): Promise<any> {
    for (;;) {
      const found = this.seen.find((each) => each[0] === event && !this.#taken.has(each));
      if (found !== undefined) {
        this.#taken.add(found);
        return found[1];
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Returns the first arguments of all events of this name. */
  all(event: string): unknown[] {
    return this.seen.filter(([name]) => name === event).map(([, data]) => data);
  }

  /** Cuts the connection under the page, as a lost network does. */
  cut(): void {
    this.socket.io.engine.close();
  }

  #take(seen: Seen): void {
    this.seen.push(seen);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

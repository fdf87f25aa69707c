import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { isRecord, MilepostError, readRefusal } from "@milepost/protocol";
import type { BridgeOptions, EmbeddedGateway } from "./bridge-options.ts";

/** Way to the gateway: its address, and tokens for guests with a name. */
export interface GatewayLink {
  /** Returns the address of the gateway's WebSocket. */
  url(): Promise<string>;
  /** Returns a token of the guest with this name; rejects with the gateway's error. */
  guestToken(name: string): Promise<string>;
  close(): void;
}

/** Returns the way to the gateway that the options name. Throws a TypeError that says which option is missing. */
export function linkTo(options: BridgeOptions, timeoutMs: number): GatewayLink {
  const { gateway, url, apiKey, guests } = options;
  if (gateway !== undefined && url === undefined) return embeddedLink(gateway);
  if (url === undefined || gateway !== undefined) {
    throw new TypeError("the bridge needs either gateway, or the url of a gateway");
  }
  if (guests === true && apiKey === undefined) {
    throw new TypeError("guests of a gateway elsewhere need an apiKey with the scope tickets");
  }
  return remoteLink(url, apiKey, timeoutMs);
}

/** Serves the gateway on a port of its own on loopback, because the bridge reaches it like every other client. */
function embeddedLink(gateway: EmbeddedGateway): GatewayLink {
  let server: Server | undefined;
  let detach = () => {};
  let listening: Promise<string> | undefined;
  return {
    url() {
      listening ??= new Promise((resolve, reject) => {
        const own = createServer();
        server = own;
        detach = gateway.attach(own);
        own.once("error", reject);
        own.listen(0, "127.0.0.1", () => {
          const { port } = own.address() as AddressInfo;
          own.unref();
          resolve(`ws://127.0.0.1:${port}/ws`);
        });
      });
      return listening;
    },
    guestToken: async (name) => gateway.mintGuest(name).token,
    close() {
      detach();
      server?.close();
      server?.closeAllConnections();
    },
  };
}

function remoteLink(address: string, apiKey: string | undefined, timeoutMs: number): GatewayLink {
  if (!URL.canParse(address))
    throw new TypeError(`${JSON.stringify(address)} is no address of a gateway`);
  const socket = new URL(address);
  socket.protocol = socket.protocol === "https:" || socket.protocol === "wss:" ? "wss:" : "ws:";
  if (socket.pathname === "/") socket.pathname = "/ws";
  const guests = new URL("/v1/guests", address);
  guests.protocol = socket.protocol === "wss:" ? "https:" : "http:";
  return {
    url: async () => socket.href,
    async guestToken(name) {
      const response = await fetch(guests, {
        method: "POST",
        headers: { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" },
        body: JSON.stringify({ name }),
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
      }).catch(() => {
        throw new MilepostError("unavailable", "the gateway cannot be reached");
      });
      if (!response.ok) throw MilepostError.from((await readRefusal(response)).failure);
      const body: unknown = await response.json().catch(() => undefined);
      if (isRecord(body) && typeof body.token === "string") return body.token;
      throw new MilepostError("unavailable", "the gateway answered without a token");
    },
    close() {},
  };
}

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createTokens, type Tokens } from "@milepost/server";
import { collectionOf, collections } from "./collections.ts";
import type { GatewayClient } from "./gateway-client.ts";
import type { GatewayNodes } from "./gateway-nodes.ts";

const tokenTtlMs = 12 * 3_600_000;
const files: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/": ["index.html", "text/html"],
  "/page.js": ["page.js", "text/javascript"],
  "/literal-client.js": ["literal-client.js", "text/javascript"],
  "/page.css": ["page.css", "text/css"],
};

/** Parts of the example that the backend uses. */
export interface BackendParts {
  readonly gateway: GatewayClient;
  readonly nodes: GatewayNodes;
  readonly tokenSecret: string;
}

/** The example's own backend: the page, tokens for it, the list of collections, and orders to the workers. */
export class Backend {
  readonly #parts: BackendParts;
  readonly #tokens: Tokens;

  constructor(parts: BackendParts) {
    this.#parts = parts;
    this.#tokens = createTokens(parts.tokenSecret);
  }

  /** Answers a request; resolves to false, without an answer, if its path is not the backend's. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const file = files[pathname];
    if (file !== undefined) {
      const body = await readFile(new URL(`../page/${file[0]}`, import.meta.url));
      const headers = { "content-type": `${file[1]}; charset=utf-8`, "cache-control": "no-cache" };
      response.writeHead(200, headers).end(body);
      return true;
    }
    if (!pathname.startsWith("/api/")) return false;
    const { status, body } = await this.#call(request, pathname);
    response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
    response.end(JSON.stringify(body));
    return true;
  }

  async #call(
    request: IncomingMessage,
    path: string,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const { gateway, nodes } = this.#parts;
    const [, , what, id = "", action] = path.split("/");
    const isPost = request.method === "POST";
    // Pages of other sites can make a browser send a POST, but not with this header.
    if (isPost && request.headers["content-type"] !== "application/json") {
      return { status: 415, body: { error: "send JSON" } };
    }
    if (what === "visits" && isPost) return { status: 201, body: await this.#visit() };
    if (what === "collections" && action === undefined) {
      return {
        status: 200,
        body: { collections: await Promise.all(collections.map(({ id }) => this.#shown(id))) },
      };
    }
    const user = await this.#userOf(request);
    if (user === undefined) return { status: 401, body: { error: "begin a visit first" } };
    if (what === "collections" && action === "index" && isPost && collectionOf(id) !== undefined) {
      const operation_id = `${id}-${randomBytes(6).toString("hex")}`;
      const order = { operation_id, user };
      const publication = { channel: `jobs:${id}`, event: "index", data: order, key: operation_id };
      await gateway.call("POST", "/v1/publish", publication);
      return { status: 202, body: { operation_id } };
    }
    if (what === "nodes" && id === "kill" && isPost) {
      const name = nodes.kill();
      const error = "there is only one node; start the example with Redis";
      return name === undefined
        ? { status: 409, body: { error } }
        : { status: 202, body: { name } };
    }
    return { status: 404, body: { error: `there is nothing at ${path}` } };
  }

  /** Begins a visit: a new user, who may read all collections. */
  async #visit(): Promise<object> {
    const user = `visitor-${randomBytes(6).toString("hex")}`;
    const channels = { subscribe: ["collection:{collection}:*"] };
    const token = await this.#tokens.mint({ user, ttlMs: tokenTtlMs, channels });
    return { user, token, expires_at: Date.now() + tokenTtlMs };
  }

  async #userOf(request: IncomingMessage): Promise<string | undefined> {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    const principal = await this.#tokens.verify(token).catch(() => undefined);
    return principal?.kind === "user" ? principal.user : undefined;
  }

  /** A collection with its latest operations, from the state of its channel. */
  async #shown(id: string): Promise<object> {
    const path = `/v1/channels/collection:${id}/snapshot`;
    const { body } = await this.#parts.gateway.call("GET", path);
    const operations = Object.values((body?.snapshot?.state ?? {}) as Record<string, unknown>);
    return { id, title: collectionOf(id)?.title, operations };
  }
}

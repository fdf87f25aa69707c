import type { AddressInfo } from "node:net";
import { createGateway, type Gateway } from "../gateway.ts";
import type { GatewayOptions } from "../gateway-options.ts";
import { openSocket, type SocketOptions, type TestSocket } from "./test-socket.ts";

/** The API key of a test gateway's one service. */
export const apiKey = "key-of-the-test-service";
/** Its token secret. */
export const tokenSecret = "the token secret of a test gateway, which is long";

/** A real gateway on a free port. */
export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly url: string;
  readonly port: number;
  /** A token of user 7, session s1, which may everything on `chat:*`. */
  token(content?: Parameters<Gateway["mintToken"]>[0]): Promise<string>;
  /** Opens a WebSocket; with a fresh token unless the options say otherwise. */
  socket(path?: string, options?: SocketOptions): Promise<TestSocket>;
  /** Calls the HTTP API; with the API key unless `credential` says otherwise. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

/** What a test may vary of a call. */
export interface CallOptions {
  /** `null` sends none. */
  readonly credential?: string | null;
  /** Sent as JSON, a string as it is. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** What a call came to. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly body: any;
}

/** Starts a gateway whose sockets and servers are gone when the test ends. */
export async function startGateway(options: Partial<GatewayOptions> = {}): Promise<TestGateway> {
  const gateway = createGateway({
    log: silentLog,
    ...options,
    auth: { tokenSecret, apiKeys: [{ name: "test", key: apiKey }], ...options.auth },
  });
  const address: AddressInfo = await gateway.listen({ port: 0 });
  return testGateway(gateway, address.port);
}

/** The same around a gateway that listens elsewhere. */
export function testGateway(gateway: Gateway, port: number): TestGateway {
  const sockets: TestSocket[] = [];
  const url = `http://127.0.0.1:${port}`;
  const token: TestGateway["token"] = (content = {}) =>
    gateway.mintToken({
      user: "7",
      session: "s1",
      channels: { subscribe: ["chat:*"], publish: ["chat:*"] },
      ...content,
    });
  return {
    gateway,
    url,
    port,
    token,
    async socket(path = "/ws", socketOptions = {}) {
      const socket = await openSocket(`ws://127.0.0.1:${port}${path}`, {
        ...(socketOptions.token === undefined && { token: await token() }),
        ...socketOptions,
      });
      sockets.push(socket);
      return socket;
    },
    call: (method, path, callOptions) => call(`${url}${path}`, method, callOptions),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.terminate();
      await gateway.close();
    },
  };
}

async function call(url: string, method: string, options: CallOptions = {}): Promise<Answer> {
  const { credential = apiKey, body, headers = {}, signal } = options;
  const response = await fetch(url, {
    method,
    headers: {
      ...(credential !== null && { Authorization: `Bearer ${credential}` }),
      ...(body !== undefined && { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(signal !== undefined && { signal }),
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? undefined : JSON.parse(text),
  };
}

const silentLog = { info() {}, warn() {}, error() {} };

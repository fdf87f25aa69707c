import type { AddressInfo } from "node:net";
import { createGateway, type Gateway } from "../gateway.ts";
import type { GatewayOptions } from "../gateway-options.ts";
import { openSocket, type SocketOptions, type TestSocket } from "./test-socket.ts";

/** API key of the single service of a test gateway. */
export const apiKey = "key-of-the-test-service";
/** Token secret of a test gateway. */
export const tokenSecret = "the token secret of a test gateway, which is long";

/** Gateway on a free port, with what a test needs to use it. */
export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly url: string;
  readonly port: number;
  /** Issues a token for user 7 and session s1, with subscribe and publish on `chat:*`. */
  token(content?: Parameters<Gateway["mintToken"]>[0]): Promise<string>;
  /** Opens a WebSocket, with a fresh token unless the options say otherwise. */
  socket(path?: string, options?: SocketOptions): Promise<TestSocket>;
  /** Calls the HTTP API, with the API key unless `credential` says otherwise. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

/** Options of one call. */
export interface CallOptions {
  /** Bearer credential; default the API key. `null` sends none. */
  readonly credential?: string | null;
  /** Body to send: a string as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** Answer to a call. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly body: any;
}

/** Starts a gateway whose sockets and server are closed at the end of the test. */
export async function startGateway(options: Partial<GatewayOptions> = {}): Promise<TestGateway> {
  const gateway = createGateway({
    log: silentLog,
    // Most tests subscribe by themselves and count the messages that follow.
    autoSubscribe: [],
    ...options,
    auth: { tokenSecret, apiKeys: [{ name: "test", key: apiKey }], ...options.auth },
  });
  const address: AddressInfo = await gateway.listen({ port: 0 });
  return testGateway(gateway, address.port);
}

/** Wraps a gateway that already listens on `port`. */
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

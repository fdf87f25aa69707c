import { once } from "node:events";
import { decode } from "@msgpack/msgpack";
import { WebSocket } from "ws";

/** Options for opening a test socket. */
export interface SocketOptions {
  /** Token for the `Authorization` header; `null` sends none. */
  readonly token?: string | null;
  readonly subprotocols?: readonly string[];
  readonly headers?: Record<string, string>;
  /** Certificate of the authority that signed that of a `wss:` gateway. */
  readonly ca?: string;
}

/** Code and reason of a closed socket. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** Message from the gateway; untyped, because tests read arbitrary fields. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
export type Message = any;

/** WebSocket client that queues the messages it receives until the test asks for them, in order. */
export class TestSocket {
  readonly ws: WebSocket;
  readonly closed: Promise<Closed>;
  readonly #arrived: Message[] = [];
  #waiting: { resolve: (message: Message) => void; reject: (error: Error) => void } | undefined;
  #ended: Closed | undefined;

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on("message", (data, isBinary) => {
      const value = isBinary ? decode(data as Buffer) : (JSON.parse(String(data)) as unknown);
      for (const message of Array.isArray(value) ? value : [value]) this.#arrive(message);
    });
    ws.on("error", () => {});
    this.closed = new Promise((resolve) => {
      ws.on("close", (code, reason) => {
        this.#ended = { code, reason: reason.toString() };
        this.#waiting?.reject(this.#endError());
        resolve(this.#ended);
      });
    });
  }

  /** Resolves with the next message; rejects if the socket closes first. */
  next(): Promise<Message> {
    if (this.#arrived.length > 0) return Promise.resolve(this.#arrived.shift());
    if (this.#ended !== undefined) return Promise.reject(this.#endError());
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Resolves with the next message of this type; drops those before it. */
  async nextOf(type: string): Promise<Message> {
    for (;;) {
      const message = await this.next();
      if (message.type === type) return message;
    }
  }

  /** Messages that have arrived and were not taken yet. */
  get arrived(): readonly Message[] {
    return this.#arrived;
  }

  send(message: unknown): void {
    this.ws.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /**
   * Sends a message with an id and resolves with its reply; drops the messages that arrive before the reply.
   */
  async ask(message: { readonly id: string | number } & Record<string, unknown>): Promise<Message> {
    this.send(message);
    for (;;) {
      const reply = await this.nextOf("reply");
      if (reply.id === message.id) return reply;
    }
  }

  terminate(): void {
    this.ws.terminate();
  }

  #arrive(message: Message): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#arrived.push(message);
    else waiting.resolve(message);
  }

  #endError(): Error {
    return new Error(`the socket ended: ${JSON.stringify(this.#ended)}`);
  }
}

/** Error of an upgrade request that was answered with a plain HTTP response. */
export class UpgradeRefused extends Error {
  readonly status: number;
  readonly problem: Message;

  constructor(status: number, problem: Message) {
    super(`the upgrade was answered with HTTP ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

/** Opens a socket; rejects with {@link UpgradeRefused} if the upgrade is refused. */
export async function openSocket(url: string, options: SocketOptions = {}): Promise<TestSocket> {
  const { token, subprotocols = [], headers = {}, ca } = options;
  const ws = new WebSocket(url, [...subprotocols], {
    ...(ca !== undefined && { ca }),
    headers: { ...(typeof token === "string" && { Authorization: `Bearer ${token}` }), ...headers },
  });
  const refused = new Promise<never>((_, reject) => {
    ws.on("unexpected-response", (_request, response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => {
        const problem: unknown = response.headers["content-type"]?.includes("json")
          ? JSON.parse(text)
          : text;
        reject(new UpgradeRefused(response.statusCode ?? 0, problem));
      });
    });
  });
  const socket = new TestSocket(ws);
  await Promise.race([once(ws, "open"), refused]);
  return socket;
}

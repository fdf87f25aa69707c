import { once } from "node:events";
import { decode } from "@msgpack/msgpack";
import { WebSocket } from "ws";

/** How a test socket connects. */
export interface SocketOptions {
  /** Goes into the Authorization header; `null` sends none. */
  readonly token?: string | null;
  readonly subprotocols?: readonly string[];
  readonly headers?: Record<string, string>;
}

/** How a socket ended. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A message from the gateway; tests look into whatever came. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
export type Message = any;

/** A WebSocket client that keeps what arrives until the test asks for it, in order. */
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

  /** The next message; rejects when the socket ends before one. */
  next(): Promise<Message> {
    if (this.#arrived.length > 0) return Promise.resolve(this.#arrived.shift());
    if (this.#ended !== undefined) return Promise.reject(this.#endError());
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** The next message of a type; those before it are dropped. */
  async nextOf(type: string): Promise<Message> {
    for (;;) {
      const message = await this.next();
      if (message.type === type) return message;
    }
  }

  /** Everything that has arrived and nobody asked for. */
  get arrived(): readonly Message[] {
    return this.#arrived;
  }

  send(message: unknown): void {
    this.ws.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** Sends a message with an id and resolves with its reply; what arrives before is dropped. */
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

/** An upgrade that was answered without one. */
export class UpgradeRefused extends Error {
  readonly status: number;
  readonly problem: Message;

  constructor(status: number, problem: Message) {
    super(`the upgrade was answered with HTTP ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

/** Opens a socket; rejects with {@link UpgradeRefused} when there was no upgrade. */
export async function openSocket(url: string, options: SocketOptions = {}): Promise<TestSocket> {
  const { token, subprotocols = [], headers = {} } = options;
  const ws = new WebSocket(url, [...subprotocols], {
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

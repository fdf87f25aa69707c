import type { ClientMessage, WelcomeMessage } from "@milepost/protocol";
import type { WebSocketConstructor, WebSocketLike } from "../transport/socket.ts";
import { settle } from "./manual-clock.ts";

/** Message of one type that the client sends. */
export type Sent<Type extends ClientMessage["type"]> = Extract<ClientMessage, { type: Type }>;

type Listener = (event: never) => void;

/**
 * Gateway's end of one WebSocket that a client opened. It records the messages that the client sends and sends
 * those that a test passes to it.
 */
export class ScriptedSocket implements WebSocketLike {
  readonly url: string;
  readonly protocols: readonly string[];
  /** Messages that the client sent and the test has not taken yet, oldest first. */
  readonly sent: ClientMessage[] = [];
  /** Number of frames that the client sent; a frame holds one message or several. */
  frames = 0;
  /** Reports whether the page is visible, which a browser's client sends by itself. */
  readonly reports: ClientMessage[] = [];
  /** Close code and the side that closed; set once either side has closed the socket. */
  closed: { readonly code: number; readonly by: "client" | "service" } | undefined;
  #opened = false;
  readonly #listeners = new Map<string, Listener[]>();

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(data: string): void {
    if (!this.#opened || this.closed !== undefined) throw new Error("the socket is not open");
    const frame = JSON.parse(data) as ClientMessage | ClientMessage[];
    this.frames++;
    for (const message of Array.isArray(frame) ? frame : [frame]) {
      const isReport = message.type === "request" && message.method === "connection.visible";
      (isReport ? this.reports : this.sent).push(message);
    }
  }

  close(code = 1000): void {
    if (this.closed !== undefined) return;
    this.closed = { code, by: "client" };
    queueMicrotask(() => this.#emit("close", { code, reason: "" }));
  }

  /** Opens the socket without a welcome. */
  open(): void {
    this.#opened = true;
    this.#emit("open", {});
  }

  /** Opens the socket and sends a welcome, with the given fields replaced. */
  async accept(welcome: Partial<WelcomeMessage> = {}): Promise<void> {
    this.open();
    await this.say({
      type: "welcome",
      connection_id: "connection-1",
      session_id: "s1",
      user_id: "u1",
      node: "node-1",
      version: "1",
      ping_interval_ms: 30_000,
      limits: { max_message_bytes: 1_048_576, max_subscriptions: 100 },
      expires_at: null,
      ...welcome,
    });
  }

  /** Sends each message in its own frame and lets the client handle it. */
  async say(...messages: object[]): Promise<void> {
    for (const message of messages) await this.frame(JSON.stringify(message));
  }

  /** Sends messages together in one frame and lets the client handle them. */
  async sayTogether(...messages: object[]): Promise<void> {
    await this.frame(JSON.stringify(messages));
  }

  /** Sends a frame unchanged and lets the client handle it. */
  async frame(data: unknown): Promise<void> {
    if (this.closed === undefined) this.#emit("message", { data });
    await settle();
  }

  /** Answers a message with a result. */
  async reply(message: { readonly id?: string | number | null }, result: unknown): Promise<void> {
    await this.say({ type: "reply", id: message.id, result });
  }

  /** Answers a message with an error. */
  async refuse(
    message: { readonly id?: string | number | null },
    error: { code: string; message?: string; retryable?: boolean; retry_after_ms?: number },
  ): Promise<void> {
    await this.say({
      type: "reply",
      id: message.id,
      error: { message: `${error.code} by the script`, retryable: false, ...error },
    });
  }

  /** Closes the socket from the gateway's side; code 1006 stands for a broken connection. */
  async drop(code = 1006, reason = ""): Promise<void> {
    if (this.closed !== undefined) return;
    this.closed = { code, by: "service" };
    if (!this.#opened || code === 1006) this.#emit("error", {});
    this.#emit("close", { code, reason });
    await settle();
  }

  /** Takes and returns the oldest message of a type that was not taken yet. Throws when there is none. */
  take<Type extends ClientMessage["type"]>(type: Type): Sent<Type> {
    const index = this.sent.findIndex((message) => message.type === type);
    const [message] = index < 0 ? [] : this.sent.splice(index, 1);
    if (message === undefined) {
      const others = this.sent.map((other) => other.type).join(", ") || "nothing";
      throw new Error(`the client sent no ${type}; messages not taken yet: ${others}`);
    }
    return message as Sent<Type>;
  }

  /** Returns the number of messages of a type that were not taken yet. */
  count(type: ClientMessage["type"]): number {
    return this.sent.filter((message) => message.type === type).length;
  }

  #emit(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

/** In-memory gateway for tests: collects the sockets that a client opens. */
export class ScriptedGateway {
  /** All sockets opened so far, oldest first. */
  readonly sockets: ScriptedSocket[] = [];
  /** WebSocket constructor for the client's option `webSocket`. */
  readonly webSocket: WebSocketConstructor;

  constructor() {
    const { sockets } = this;
    this.webSocket = class extends ScriptedSocket {
      constructor(url: string, protocols: string[] = []) {
        super(url, protocols);
        sockets.push(this);
      }
    };
  }

  /** Returns the socket opened last; throws when there is none. */
  get last(): ScriptedSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("the client opened no socket");
    return socket;
  }

  /** Number of sockets that neither side has closed. */
  get openSockets(): number {
    return this.sockets.filter((socket) => socket.closed === undefined).length;
  }
}

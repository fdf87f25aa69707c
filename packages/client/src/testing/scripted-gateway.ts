import type { ClientMessage, WelcomeMessage } from "@milepost/protocol";
import type { WebSocketConstructor, WebSocketLike } from "../transport/socket.ts";
import { settle } from "./manual-clock.ts";

/** A message of the client of one type. */
export type Sent<Type extends ClientMessage["type"]> = Extract<ClientMessage, { type: Type }>;

type Listener = (event: never) => void;

/** The far end of one WebSocket that a client opened: what it sent, and what a test says to it. */
export class ScriptedSocket implements WebSocketLike {
  readonly url: string;
  readonly protocols: readonly string[];
  /** Everything the client sent that was not taken yet, oldest first. */
  readonly sent: ClientMessage[] = [];
  /** How many frames the client sent; each has a message, or several. */
  frames = 0;
  /** Set once either side closed it. */
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
    this.sent.push(...(Array.isArray(frame) ? frame : [frame]));
  }

  close(code = 1000): void {
    if (this.closed !== undefined) return;
    this.closed = { code, by: "client" };
    queueMicrotask(() => this.#emit("close", { code, reason: "" }));
  }

  /** Opens it without a welcome. */
  open(): void {
    this.#opened = true;
    this.#emit("open", {});
  }

  /** Opens it and welcomes the client. */
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

  /** Sends messages, each in a frame of its own, and lets the client handle them. */
  async say(...messages: object[]): Promise<void> {
    for (const message of messages) await this.frame(JSON.stringify(message));
  }

  /** Sends messages together in one frame. */
  async sayTogether(...messages: object[]): Promise<void> {
    await this.frame(JSON.stringify(messages));
  }

  /** Sends a frame as it is. */
  async frame(data: unknown): Promise<void> {
    if (this.closed === undefined) this.#emit("message", { data });
    await settle();
  }

  /** Answers a message. */
  async reply(message: { readonly id?: string | number | null }, result: unknown): Promise<void> {
    await this.say({ type: "reply", id: message.id, result });
  }

  /** Refuses a message. */
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

  /** Closes it from the service's side; 1006 is a connection that broke. */
  async drop(code = 1006, reason = ""): Promise<void> {
    if (this.closed !== undefined) return;
    this.closed = { code, by: "service" };
    if (!this.#opened || code === 1006) this.#emit("error", {});
    this.#emit("close", { code, reason });
    await settle();
  }

  /** The oldest message of a type that was not taken yet; it is taken. Throws when there is none. */
  take<Type extends ClientMessage["type"]>(type: Type): Sent<Type> {
    const index = this.sent.findIndex((message) => message.type === type);
    const [message] = index < 0 ? [] : this.sent.splice(index, 1);
    if (message === undefined) {
      const others = this.sent.map((other) => other.type).join(", ") || "nothing";
      throw new Error(`the client sent no ${type}; waiting: ${others}`);
    }
    return message as Sent<Type>;
  }

  /** How many messages of a type wait to be taken. */
  count(type: ClientMessage["type"]): number {
    return this.sent.filter((message) => message.type === type).length;
  }

  #emit(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

/** Stands where the network would be: collects the sockets that a client opens. */
export class ScriptedGateway {
  /** All there were, oldest first. */
  readonly sockets: ScriptedSocket[] = [];
  /** For the client's option `webSocket`. */
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

  /** The socket opened last; throws when there is none. */
  get last(): ScriptedSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("the client opened no socket");
    return socket;
  }

  /** How many sockets neither side has closed. */
  get openSockets(): number {
    return this.sockets.filter((socket) => socket.closed === undefined).length;
  }
}

import { readPosition } from "@milepost/protocol";
import type {
  Attempt,
  Transport,
  TransportConnection,
  TransportConnectionEvents,
  TransportName,
} from "../transport/transport.ts";

interface Message {
  readonly type: string;
  readonly id?: number;
  readonly channel?: string;
  readonly since?: string;
  readonly as?: string;
  readonly data?: unknown;
  readonly [field: string]: unknown;
}

/** Tab of a client, which runs what happens to the client. */
interface Tab {
  readonly isGone: boolean;
  run(task: () => void): void;
}

/** Gateway in memory with a log for each channel. Its connections run in the tab of their client. */
export class LogGateway {
  readonly connections = new Set<LogConnection>();
  /** Number of connections that were opened so far. */
  opened = 0;
  maxSubscriptions = 100;
  /** True when the gateway's answers are lost on their way, except the welcome. */
  isMute = false;
  readonly #logs = new Map<string, { readonly position: string; readonly data: unknown }[]>();

  /** Returns a transport to this gateway for a client in `tab`. */
  transport(name: TransportName, tab: Tab): Transport {
    return { name, open: (attempt, events) => new LogConnection(this, name, attempt, events, tab) };
  }

  log(channel: string) {
    const log = this.#logs.get(channel) ?? [];
    this.#logs.set(channel, log);
    return log;
  }

  head(channel: string): string {
    return this.log(channel).at(-1)?.position ?? "epoch1.0.0";
  }

  publish(channel: string, data: unknown): string {
    const log = this.log(channel);
    const position = `epoch1.${log.length + 1}.tag${log.length + 1}`;
    log.push({ position, data });
    for (const connection of this.connections) connection.publication(channel, position, data);
    return position;
  }
}

/** One connection to a {@link LogGateway}. */
export class LogConnection implements TransportConnection {
  readonly closed: Promise<void>;
  readonly name: TransportName;
  readonly attempt: Attempt;
  readonly tab: Tab;
  token: string | undefined;
  /** Messages that the client sent. */
  readonly sent: Message[] = [];
  readonly #gateway: LogGateway;
  readonly #events: TransportConnectionEvents;
  readonly #subscribed = new Set<string>();
  #resolve = () => {};

  constructor(
    gateway: LogGateway,
    name: TransportName,
    attempt: Attempt,
    events: TransportConnectionEvents,
    tab: Tab,
  ) {
    this.#gateway = gateway;
    this.name = name;
    this.attempt = attempt;
    this.token = attempt.token;
    this.#events = events;
    this.tab = tab;
    this.closed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    gateway.opened++;
    // What is still running in memory when a tab crashes opens nothing.
    if (!tab.isGone) gateway.connections.add(this);
    this.say({
      type: "welcome",
      connection_id: `connection-${gateway.opened}`,
      user_id: "7",
      session_id: null,
      node: "node-1",
      ping_interval_ms: 30_000,
      limits: { max_message_bytes: 1_048_576, max_subscriptions: gateway.maxSubscriptions },
      expires_at: null,
    });
  }

  send(messages: readonly string[]): void {
    for (const text of messages) {
      queueMicrotask(() => {
        if (this.#gateway.connections.has(this)) this.#take(JSON.parse(text));
      });
    }
  }

  /** Records the token that the client uses from now on. */
  renew(token: string): void {
    this.token = token;
  }

  release(): void {
    this.#gateway.connections.delete(this);
    this.#resolve();
  }

  /** Sends the client a message. */
  say(message: object): void {
    const text = JSON.stringify(message);
    queueMicrotask(() =>
      this.tab.run(() => {
        if (this.#gateway.connections.has(this)) this.#events.onFrame(text);
      }),
    );
  }

  /** Closes the connection from the gateway's side, after a last message if there is one. */
  drop(code: number, last?: object): void {
    this.#gateway.connections.delete(this);
    queueMicrotask(() =>
      this.tab.run(() => {
        if (last !== undefined) this.#events.onFrame(JSON.stringify(last));
        this.#events.onClose(code, "");
        this.#resolve();
      }),
    );
  }

  publication(channel: string, position: string, data: unknown): void {
    if (this.#subscribed.has(channel)) this.#event(channel, position, data);
  }

  #take(message: Message): void {
    this.sent.push(message);
    if (this.#gateway.isMute) return;
    const { type, id, channel = "" } = message;
    switch (type) {
      case "subscribe":
        this.#subscribe(message, channel);
        break;
      case "unsubscribe":
        this.#subscribed.delete(channel);
        this.say({ type: "reply", id, result: { channel } });
        break;
      case "publish": {
        const position = this.#gateway.publish(channel, message.data);
        this.say({ type: "reply", id, result: { channel, position, duplicate: false } });
        break;
      }
      case "request":
        if (message.method !== "never") this.say({ type: "reply", id, result: message.params });
        break;
      case "cancel":
      case "chunk":
        break;
      case "ack":
      case "auth":
        this.say({ type: "reply", id, result: {} });
        break;
      case "ping":
        this.say({ type: "pong", id });
        break;
    }
  }

  #subscribe({ id, since }: Message, channel: string): void {
    if (this.#subscribed.has(channel)) {
      const error = { code: "already_subscribed", message: "twice", retryable: false };
      this.say({ type: "reply", id, error });
      return;
    }
    this.#subscribed.add(channel);
    const asked = readPosition(since)?.offset;
    const log = this.#gateway.log(channel);
    const from = asked ?? (since === "start" ? 0 : log.length);
    const position = log[from - 1]?.position ?? "epoch1.0.0";
    this.say({
      type: "reply",
      id,
      result: { channel, position, recovered: asked !== undefined },
    });
    for (const entry of log.slice(from)) this.#event(channel, entry.position, entry.data);
  }

  #event(channel: string, position: string, data: unknown): void {
    this.say({ type: "event", channel, position, event: "tick", data, ts: 1 });
  }
}

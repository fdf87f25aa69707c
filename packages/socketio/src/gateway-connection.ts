import {
  closeVerdict,
  type ErrorCode,
  errorCodes,
  errorOfClose,
  type Failure,
  failure,
  formatPosition,
  jsonSubprotocol,
  MilepostError,
  type NoticeMessage,
  type Position,
  parseServerMessage,
  parseSubscribed,
  type ReplyMessage,
  type ServerMessage,
  type Subscribed,
  tokenSubprotocolPrefix,
  type WelcomeMessage,
} from "@milepost/protocol";
import { type RawData, WebSocket } from "ws";

/** Messages of a channel, which a connection hands over one after the other. */
export type ChannelMessage = Extract<
  ServerMessage,
  { readonly type: "event" | "gap" | "reset" | "end" | "unsubscribed" | "subscribed" }
>;

/** Listener to a connection. */
export interface ConnectionListener {
  /** Takes the next message of a channel. The cursor of the connection already stands behind it. */
  onMessage(message: ChannelMessage): void;
  onNotice(notice: NoticeMessage): void;
  /** Called once when the gateway has closed the connection, or when it is lost. */
  onClosed(end: ConnectionEnd): void;
}

/** End of a connection. */
export interface ConnectionEnd {
  readonly code: number;
  readonly error: MilepostError;
  /** True if a new connection may continue where this one ended. */
  readonly resumes: boolean;
}

/** Address and settings of one connection. */
export interface ConnectionOptions {
  /** Address of the gateway's WebSocket. */
  readonly url: string;
  readonly token: string;
  /** Session that the client names; it must be that of the token. */
  readonly session?: string | undefined;
  /** Headers of the connect request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Connection that this one replaces. */
  readonly replaces?: string | undefined;
  /** True while the client shows signs of life. Without them, pings of the gateway are not answered. */
  readonly isAlive: () => boolean;
  /** Time for the welcome to arrive and for each answer, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: MilepostError) => void;
  readonly channel?: string;
}

/** Characters that may stand in a subprotocol. Other tokens are sent in a first message. */
const subprotocolToken = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,8192}$/;
/** Largest frame that the gateway may send, in bytes. */
const maxFrameBytes = 64 * 1_048_576;

/**
 * Connection of one person to the gateway, with that person's credential and in the JSON dialect.
 *
 * It keeps the position of each channel. Messages of channels wait until {@link GatewayConnection.start}. It does not
 * reconnect: its owner opens another one with the cursor of this one.
 */
export class GatewayConnection {
  readonly #socket: WebSocket;
  readonly #timeoutMs: number;
  readonly #positions = new Map<string, string>();
  readonly #replies = new Map<number, Waiting>();
  #lastId = 0;
  #held: (ChannelMessage | NoticeMessage)[] = [];
  #listener: ConnectionListener | undefined;
  #welcome: WelcomeMessage | undefined;
  /** Error of a message without an id, which the gateway sends before it closes. */
  #reason: Failure | undefined;
  #end: ConnectionEnd | undefined;
  #isClosed = false;

  private constructor(options: ConnectionOptions) {
    const { token, replaces } = options;
    this.#timeoutMs = options.timeoutMs;
    const url = new URL(options.url);
    if (replaces !== undefined) url.searchParams.set("connection_id", replaces);
    const inSubprotocol = subprotocolToken.test(token);
    const protocols = inSubprotocol
      ? [jsonSubprotocol, `${tokenSubprotocolPrefix}${token}`]
      : [jsonSubprotocol];
    const socket = new WebSocket(url, protocols, {
      headers: options.headers,
      handshakeTimeout: options.timeoutMs,
      maxPayload: maxFrameBytes,
      perMessageDeflate: false,
      followRedirects: false,
      autoPong: false,
    });
    this.#socket = socket;
    // An answer stands for the client. The gateway drops a connection that does not answer when it needs the place.
    socket.on("ping", (data: Buffer) => {
      if (options.isAlive()) socket.pong(data);
    });
    socket.on("open", () => {
      if (!inSubprotocol) socket.send(JSON.stringify({ type: "auth", token }));
    });
    socket.on("message", (data: RawData) => this.#read(String(data)));
    socket.on("unexpected-response", (request, { statusCode = 0 }) => {
      request.destroy();
      this.#ended(endOf(1006, refusedConnect(statusCode)));
    });
    // What the socket reports as an error ends with its close.
    socket.on("error", () => {});
    socket.on("close", (code) => this.#ended(endOf(code, this.#reason)));
  }

  /**
   * Opens a connection. Rejects with the error of the gateway: `unauthenticated`, `token_expired`,
   * `too_many_connections` and so on, and with `cancelled` when the signal aborts.
   */
  static async open(options: ConnectionOptions): Promise<GatewayConnection> {
    options.signal.throwIfAborted();
    const connection = new GatewayConnection(options);
    const abort = () => connection.close();
    options.signal.addEventListener("abort", abort);
    try {
      const { session_id: session } = await connection.#welcomed();
      if (options.session === undefined || options.session === session) return connection;
      throw new MilepostError(
        "forbidden",
        "the session that the client names is not that of its token",
      );
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      options.signal.removeEventListener("abort", abort);
    }
  }

  /** The first message of the gateway, which says who this is. */
  get welcome(): WelcomeMessage {
    if (this.#welcome === undefined) throw new Error("the connection is not open yet");
    return this.#welcome;
  }

  /** The position in every channel that the connection reads, in the form of a cursor. */
  get cursor(): string {
    let text = "";
    for (const [channel, position] of this.#positions) {
      text += `${text === "" ? "" : ","}${channel}@${position}`;
    }
    return text;
  }

  /** Names of the channels that the connection reads. */
  get channels(): string[] {
    return [...this.#positions.keys()];
  }

  /** Reads a channel, from a position on or from now on. Rejects with the error of the gateway. */
  async subscribe(channel: string, since?: Position): Promise<Subscribed> {
    const from = since === undefined ? {} : { since: formatPosition(since) };
    return (await this.#request({ type: "subscribe", channel, ...from }, channel)) as Subscribed;
  }

  /** Stops reading a channel. */
  async unsubscribe(channel: string): Promise<void> {
    await this.#request({ type: "unsubscribe", channel });
    this.#positions.delete(channel);
  }

  /** Renews the token of the connection. It must name the same person. */
  async renew(token: string): Promise<void> {
    await this.#request({ type: "auth", token });
  }

  /** Begins to hand over messages, those that have arrived first. */
  start(listener: ConnectionListener): void {
    this.#listener = listener;
    const held = this.#held;
    this.#held = [];
    for (const message of held) this.#hand(message);
    if (this.#end !== undefined) this.#listener?.onClosed(this.#end);
  }

  /** Stops reading from the gateway, which then keeps what follows, and merges it. */
  pause(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.pause();
  }

  resume(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.resume();
  }

  /** Closes the connection; its listener hears nothing more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener = undefined;
    this.#held = [];
    this.#refuse(new MilepostError("cancelled", "the connection was closed"));
    this.resume();
    this.#socket.close(1000);
  }

  async #welcomed(): Promise<WelcomeMessage> {
    await new Promise((resolve, reject) => this.#await(0, { resolve, reject }));
    return this.welcome;
  }

  #request(message: Record<string, unknown>, channel?: string): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(this.#end.error);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#await(id, { resolve, reject, ...(channel !== undefined && { channel }) });
      this.#socket.send(JSON.stringify({ ...message, id }));
    });
  }

  /** Waits for the answer with an id, for a limited time. The id 0 stands for the welcome. */
  #await(id: number, { resolve, reject, channel }: Waiting): void {
    const late = setTimeout(() => {
      this.#replies.delete(id);
      reject(new MilepostError("timed_out", "the gateway did not answer in time"));
    }, this.#timeoutMs);
    this.#replies.set(id, {
      ...(channel !== undefined && { channel }),
      resolve(result) {
        clearTimeout(late);
        resolve(result);
      },
      reject(error) {
        clearTimeout(late);
        reject(error);
      },
    });
  }

  #read(text: string): void {
    for (const message of readFrame(text)) {
      if (this.#isClosed) return;
      this.#take(message);
    }
  }

  #take(message: ServerMessage): void {
    switch (message.type) {
      case "welcome":
        this.#welcome = message;
        this.#settle(0)?.resolve(undefined);
        return;
      case "reply":
        this.#reply(message);
        return;
      case "event":
      case "gap":
      case "reset":
      case "end":
      case "unsubscribed":
      case "subscribed":
      case "notice":
        if (this.#listener === undefined) this.#held.push(message);
        else this.#hand(message);
        return;
      default:
        return;
    }
  }

  #reply(reply: ReplyMessage): void {
    if (typeof reply.id !== "number") {
      if ("error" in reply) this.#reason = reply.error;
      return;
    }
    const waiting = this.#settle(reply.id);
    if (waiting === undefined) return;
    if ("error" in reply) waiting.reject(MilepostError.from(reply.error));
    else if (waiting.channel === undefined) waiting.resolve(reply.result);
    else this.#subscribed(waiting, waiting.channel, reply.result);
  }

  #subscribed(waiting: Waiting, channel: string, result: unknown): void {
    const subscribed = parseSubscribed(result);
    if (!subscribed.ok) {
      waiting.reject(MilepostError.from(subscribed.failure));
      return;
    }
    // The entries after this position may stand in the same frame, so it counts at once.
    this.#positions.set(channel, subscribed.value.position);
    waiting.resolve(subscribed.value);
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#replies.get(id);
    this.#replies.delete(id);
    return waiting;
  }

  #hand(message: ChannelMessage | NoticeMessage): void {
    const listener = this.#listener;
    if (message.type === "notice") {
      listener?.onNotice(message);
      return;
    }
    const { channel } = message;
    if (!this.#positions.has(channel)) return;
    if (message.type === "unsubscribed") this.#positions.delete(channel);
    else this.#positions.set(channel, message.type === "gap" ? message.to : message.position);
    listener?.onMessage(message);
  }

  #ended(end: ConnectionEnd): void {
    if (this.#isClosed || this.#end !== undefined) return;
    this.#end = end;
    this.#refuse(end.error);
    this.#listener?.onClosed(end);
  }

  #refuse(error: MilepostError): void {
    const waiting = [...this.#replies.values()];
    this.#replies.clear();
    for (const { reject } of waiting) reject(error);
  }
}

function readFrame(text: string): ServerMessage[] {
  const value: unknown = readJson(text);
  const messages: ServerMessage[] = [];
  for (const each of Array.isArray(value) ? value : [value]) {
    const message = parseServerMessage(each);
    if (message.ok && message.value.type !== "unknown") messages.push(message.value);
  }
  return messages;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusedConnect(status: number): Failure {
  const message = `the gateway answered the connect with ${status}`;
  return failure(status === 429 || status >= 500 ? "unavailable" : "forbidden", message);
}

function endOf(code: number, reason: Failure | undefined): ConnectionEnd {
  const error =
    reason === undefined
      ? new MilepostError(errorOf(code), errorCodes[errorOf(code)].description)
      : MilepostError.from(reason);
  return { code, error, resumes: closeVerdict(code) === "resume" };
}

/** A connection that is lost is an outage for its client; everything else is what its code says. */
function errorOf(code: number): ErrorCode {
  return code === 1006 || code === 1011 || code === 1013 ? "unavailable" : errorOfClose(code);
}

/**
 * A client written from the design alone: a plain WebSocket, the design's channels, reconnection with exponential backoff,
 * deduplication, and server-sent events where WebSockets do not get through. It uses no SDK.
 */

const firstDelayMs = 250;
const maxDelayMs = 8_000;
/** Number of WebSockets in a row that never opened after which the client tries server-sent events. */
const socketTries = 2;
const rememberedIds = 1_000;

/** @typedef {{ type: string, event_id?: string, timestamp?: string, channel?: string, source?: string, data?: any }} Message */

/**
 * @typedef {object} LiteralOptions
 * @property {string} url Address of the gateway, `http://…` or `https://…`.
 * @property {() => Promise<string>} token Returns a token; called for each connection.
 * @property {readonly string[]} channels
 * @property {(message: Message) => void} onMessage Receives each message once.
 * @property {(state: "connecting" | "websocket" | "sse" | "waiting") => void} [onState]
 * @property {any} [WebSocket] Constructor of sockets; default that of the browser.
 * @property {any} [EventSource] Constructor of event streams; default that of the browser.
 * @property {boolean} [sse] True to begin with server-sent events.
 */

export class LiteralClient {
  /** @type {LiteralOptions} */
  #options;
  /** @type {any} */
  #transport;
  /** @type {string[]} */
  #channels;
  #lastEventId = "";
  /** @type {Set<string>} */
  #seen = new Set();
  #failures = 0;
  #unopened = 0;
  #closed = false;
  #usesSse = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {LiteralOptions} options */
  constructor(options) {
    this.#options = options;
    this.#channels = [...options.channels];
    this.#usesSse = options.sse ?? false;
    void this.#connect();
  }

  /** Adds a channel to this connection and to all later ones. @param {string} channel */
  subscribe(channel) {
    if (this.#channels.includes(channel)) return;
    this.#channels.push(channel);
    const { WebSocket = globalThis.WebSocket } = this.#options;
    if (!this.#usesSse && this.#transport?.readyState === WebSocket.OPEN) {
      this.#transport.send(JSON.stringify({ type: "subscribe", id: channel, channel }));
    } else if (this.#usesSse) this.#again(0);
  }

  /** Cuts the connection, as a network does. The client comes back by itself. */
  cut() {
    this.#transport?.close();
    if (this.#usesSse) this.#again(firstDelayMs);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#transport?.close();
  }

  async #connect() {
    this.#say("connecting");
    const token = await this.#options.token().catch(() => undefined);
    if (this.#closed) return;
    if (token === undefined) return this.#again(this.#delay());
    const query = new URLSearchParams({ token });
    if (this.#channels.length > 0) query.set("channels", this.#channels.join(","));
    if (this.#lastEventId !== "") query.set("last_event_id", this.#lastEventId);
    if (this.#usesSse) this.#openStream(query);
    else this.#openSocket(query);
  }

  /** @param {URLSearchParams} query */
  #openSocket(query) {
    const { url, WebSocket = globalThis.WebSocket } = this.#options;
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/ws?${query}`);
    this.#transport = socket;
    let isOpen = false;
    socket.onopen = () => {
      isOpen = true;
      this.#unopened = 0;
      this.#say("websocket");
    };
    socket.onmessage = (/** @type {{ data: string }} */ { data }) => this.#receive(data, socket);
    socket.onerror = () => {};
    socket.onclose = () => {
      if (socket !== this.#transport) return;
      if (!isOpen && ++this.#unopened >= socketTries) this.#usesSse = true;
      this.#again(this.#delay());
    };
  }

  /** @param {URLSearchParams} query */
  #openStream(query) {
    const { url, EventSource = globalThis.EventSource } = this.#options;
    const stream = new EventSource(`${url}/v1/sse?${query}`);
    this.#transport = stream;
    stream.onopen = () => this.#say("sse");
    stream.onmessage = (/** @type {{ data: string }} */ { data }) => this.#receive(data, stream);
    // A new stream gets a new token, which the browser's own reconnection would not.
    stream.onerror = () => {
      stream.close();
      if (stream === this.#transport) this.#again(this.#delay());
    };
  }

  /** @param {string} text @param {unknown} from */
  #receive(text, from) {
    if (from !== this.#transport || this.#closed) return;
    /** @type {Message} */
    const message = JSON.parse(text);
    this.#failures = 0;
    const { event_id } = message;
    if (event_id !== undefined) {
      // Replies have the place of the event before them, and are no events.
      if (message.channel !== undefined && message.timestamp !== undefined) {
        if (this.#seen.has(event_id)) return;
        this.#seen.add(event_id);
      }
      const [oldest] = this.#seen;
      if (this.#seen.size > rememberedIds && oldest !== undefined) this.#seen.delete(oldest);
      this.#lastEventId = event_id;
    }
    this.#options.onMessage(message);
  }

  #delay() {
    const longest = Math.min(firstDelayMs * 2 ** this.#failures++, maxDelayMs);
    return longest / 2 + (Math.random() * longest) / 2;
  }

  /** @param {number} delayMs */
  #again(delayMs) {
    if (this.#closed) return;
    this.#say("waiting");
    clearTimeout(this.#timer);
    const before = this.#transport;
    this.#transport = undefined;
    before?.close();
    this.#timer = setTimeout(() => void this.#connect(), delayMs);
  }

  /** @param {"connecting" | "websocket" | "sse" | "waiting"} state */
  #say(state) {
    this.#options.onState?.(state);
  }
}

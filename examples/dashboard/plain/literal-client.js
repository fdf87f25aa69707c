/**
 * A client of the dashboard without any SDK: one WebSocket, reconnection with exponential backoff, answers to pings, and
 * the id of the last event, so that nothing is missed. Copy it; it needs only a browser.
 */
export class LiteralClient {
  #url;
  #onMessage;
  #onState;
  #WebSocket;
  #socket;
  #timer;
  #attempts = 0;
  #isClosed = false;
  /** Id under which the server knows this connection. */
  connectionId = "";
  /** Id of the last event, where the server continues after a reconnect. */
  lastEventId = "";

  /**
   * @param {string} url - address of the socket with the token: `wss://example.com/ws?token=…`
   * @param {(message: any) => void} onMessage - receives every message except pings
   * @param {{onState?: (state: "connecting" | "open" | "waiting" | "closed") => void, WebSocket?: any}} options
   */
  constructor(url, onMessage, { onState = () => {}, WebSocket = globalThis.WebSocket } = {}) {
    this.#url = url;
    this.#onMessage = onMessage;
    this.#onState = onState;
    this.#WebSocket = WebSocket;
    this.connect();
  }

  connect() {
    clearTimeout(this.#timer);
    this.#onState("connecting");
    const url = new URL(this.#url);
    if (this.connectionId !== "") url.searchParams.set("connection_id", this.connectionId);
    if (this.lastEventId !== "") url.searchParams.set("last_event_id", this.lastEventId);
    const socket = new this.#WebSocket(url.href);
    this.#socket = socket;
    socket.onopen = () => {
      this.#attempts = 0;
      this.#onState("open");
    };
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#retry(code);
    };
    socket.onerror = () => {};
  }

  /** Cuts the connection, as a lost network does; the client comes back by itself. */
  cut() {
    this.#socket.close();
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket.close();
  }

  #receive(message) {
    if (message.event_id) this.lastEventId = message.event_id;
    if (message.type === "welcome") this.connectionId = message.connection_id;
    if (message.type === "ping") {
      const pong = {
        type: "pong",
        event_id: `pong-${Date.now()}`,
        timestamp: new Date().toISOString(),
      };
      this.#socket.send(JSON.stringify(pong));
      return;
    }
    this.#onMessage(message);
  }

  #retry(code) {
    // A token that is not accepted stays so.
    if (this.#isClosed || code === 4401 || code === 1008) {
      this.#onState("closed");
      return;
    }
    this.#onState("waiting");
    const delay = Math.min(1_000 * 2 ** this.#attempts++, 30_000) * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => this.connect(), delay);
  }
}

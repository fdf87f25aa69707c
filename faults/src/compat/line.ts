import { once } from "node:events";
import { WebSocket } from "ws";

type Message = Record<string, unknown>;

/** A WebSocket to one gateway that speaks the protocol by hand, so that nothing of a client's own hides a difference. */
export class Line implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #messages: Message[] = [];
  #changed = () => {};
  #ids = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => {
      const read = JSON.parse(String(data)) as Message | Message[];
      this.#messages.push(...(Array.isArray(read) ? read : [read]));
      this.#changed();
    });
    socket.on("close", () => this.#changed());
    socket.on("error", () => {});
  }

  /** Connects with a token and resolves once the gateway has accepted it. */
  static async to(url: string, token: string): Promise<Line> {
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, ["milepost.v1.json"], {
      headers: { authorization: `Bearer ${token}` },
    });
    const line = new Line(socket);
    await once(socket, "open");
    return line;
  }

  get isClosed(): boolean {
    return this.#socket.readyState === WebSocket.CLOSED;
  }

  /** Sends a message with an id and resolves with its result; rejects with the error of the reply. */
  async ask(message: Message): Promise<Message> {
    const id = ++this.#ids;
    this.#socket.send(JSON.stringify({ ...message, id }));
    const reply = await this.find((one) => one.type === "reply" && one.id === id);
    if (reply.error !== undefined) throw new Error(JSON.stringify(reply.error));
    return reply.result as Message;
  }

  send(message: Message): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** Resolves with the first message that matches, also if it came before. */
  async find(matches: (message: Message) => boolean): Promise<Message> {
    let found: Message | undefined;
    await this.until(() => {
      found = this.#messages.find(matches);
      return found !== undefined;
    });
    return found as Message;
  }

  /** Events of a channel so far, in order. */
  events(channel: string): readonly Message[] {
    return this.#messages.filter((one) => one.type === "event" && one.channel === channel);
  }

  /** Resolves once the condition holds; it is looked at after each message. Rejects after 20 s. */
  async until(holds: () => boolean): Promise<void> {
    const late = setTimeout(() => this.#changed(), 20_000);
    const deadline = performance.now() + 19_990;
    try {
      while (!holds()) {
        if (performance.now() > deadline) {
          throw new Error(`what was waited for never came; the last: ${this.#last()}`);
        }
        await new Promise<void>((resolve) => {
          this.#changed = resolve;
        });
      }
    } finally {
      clearTimeout(late);
      this.#changed = () => {};
    }
  }

  #last(): string {
    return JSON.stringify(this.#messages.slice(-3));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isClosed) return;
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }
}

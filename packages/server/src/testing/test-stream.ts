import { request } from "node:http";
import { type SseEvent, SseReader } from "@milepost/protocol";
import type { Message } from "./test-socket.ts";

/** Event of an SSE stream, with its data parsed as JSON. */
export interface Received extends SseEvent {
  readonly message: Message;
}

/** Reader of `/v1/sse` that queues the events it receives until the test asks for them, in order. */
export class TestStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Text received so far; stays empty if the stream was opened paused. */
  raw = "";
  /** Last event id received, which a browser would send when it reconnects. */
  lastEventId: string | undefined;
  readonly ended: Promise<void>;
  readonly #cut: () => void;
  readonly #arrived: Received[] = [];
  #waiting: { resolve: (event: Received) => void; reject: (error: Error) => void } | undefined;
  #hasEnded = false;

  private constructor(
    response: import("node:http").IncomingMessage,
    cut: () => void,
    options: StreamOptions,
  ) {
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    this.#cut = cut;
    const reader = new SseReader((event) => this.#arrive(event));
    response.setEncoding("utf8");
    if (options.paused !== true) {
      response.on("data", (text: string) => {
        this.raw += text;
        reader.take(text);
      });
    }
    this.resume = () => {
      response.on("data", (text: string) => reader.take(text));
    };
    response.on("error", () => {});
    this.ended = new Promise((resolve) => {
      response.on("close", () => {
        this.#hasEnded = true;
        this.#waiting?.reject(new Error("the stream ended"));
        resolve();
      });
    });
  }

  /** Starts to read a stream that was opened paused. */
  readonly resume: () => void;

  static open(url: string, options: StreamOptions = {}): Promise<TestStream> {
    return new Promise((resolve, reject) => {
      const { token, headers = {} } = options;
      const call = request(
        url,
        {
          agent: false,
          headers: {
            Accept: "text/event-stream",
            ...(token !== undefined && { Authorization: `Bearer ${token}` }),
            ...headers,
          },
        },
        (response) => resolve(new TestStream(response, () => call.destroy(), options)),
      );
      call.on("error", reject);
      call.end();
    });
  }

  /** Resolves with the next event; rejects if the stream ends first. */
  nextEvent(): Promise<Received> {
    const event = this.#arrived.shift();
    if (event !== undefined) return Promise.resolve(event);
    if (this.#hasEnded) return Promise.reject(new Error("the stream ended"));
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Resolves with the message of the next event. */
  async next(): Promise<Message> {
    return (await this.nextEvent()).message;
  }

  /** Resolves with the next message of this type; drops those before it. */
  async nextOf(type: string): Promise<Message> {
    for (;;) {
      const message = await this.next();
      if (message.type === type) return message;
    }
  }

  /** Messages that have arrived but have not been taken yet. */
  get arrived(): readonly Message[] {
    return this.#arrived.map(({ message }) => message);
  }

  /** Closes the connection without an orderly end. */
  cut(): void {
    this.#cut();
  }

  #arrive(event: SseEvent): void {
    if (event.id !== undefined) this.lastEventId = event.id;
    const value: unknown = JSON.parse(event.data);
    for (const message of Array.isArray(value) ? value : [value]) {
      const received: Received = { ...event, message };
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting === undefined) this.#arrived.push(received);
      else waiting.resolve(received);
    }
  }
}

/** Options for opening a test stream. */
export interface StreamOptions {
  readonly token?: string;
  readonly headers?: Record<string, string>;
  /** True to read nothing before {@link TestStream.resume}. */
  readonly paused?: boolean;
}

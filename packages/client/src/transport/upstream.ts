import type { HttpEndpoint } from "./http-endpoint.ts";
import { maxBytesOf } from "./outgoing.ts";

/** Maximum number of messages in the body of one POST. */
const maxMessages = 1_000;

/**
 * Sends messages by POST, one call at a time, so that they keep their order. Messages that are added during a
 * call share the next one.
 */
export class Upstream {
  readonly #endpoint: HttpEndpoint;
  readonly #path: () => string;
  readonly #onReplies: (text: string) => void;
  readonly #onFailed: (error: unknown) => void;
  #queue: string[] = [];
  #maxBytes = 0;
  #busy = false;

  constructor(
    endpoint: HttpEndpoint,
    path: () => string,
    onReplies: (text: string) => void,
    onFailed: (error: unknown) => void,
  ) {
    this.#endpoint = endpoint;
    this.#path = path;
    this.#onReplies = onReplies;
    this.#onFailed = onFailed;
  }

  /** Sends a message. Several share a body of at most about `maxBytes` bytes; a larger message has its own. */
  send(text: string, maxBytes: number): void {
    this.#queue.push(text);
    this.#maxBytes = maxBytes;
    if (this.#busy) return;
    this.#busy = true;
    // The call starts a tick later, so that messages sent together travel together.
    void Promise.resolve().then(() => this.#drain());
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0 && !this.#endpoint.isEnded) {
      try {
        const response = await this.#endpoint.call(this.#path(), {
          body: `[${this.#take().join(",")}]`,
        });
        this.#onReplies(await response.text());
      } catch (error) {
        this.#onFailed(error);
        return;
      }
    }
    this.#busy = false;
  }

  /** Takes as many messages from the queue as fit into one body, and at least one. */
  #take(): string[] {
    let count = 0;
    let bytes = 0;
    for (const text of this.#queue) {
      bytes += maxBytesOf(text);
      if (count > 0 && (bytes > this.#maxBytes || count >= maxMessages)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }
}

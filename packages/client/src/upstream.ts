import type { HttpDoor } from "./http-door.ts";

/** A body holds at most so many messages, and about so many bytes. */
const maxMessages = 1_000;
const maxBytes = 900_000;

/** Sends messages by POST, one call at a time so that they keep their order; what waits meanwhile goes together. */
export class Upstream {
  readonly #door: HttpDoor;
  readonly #path: () => string;
  readonly #onReplies: (text: string) => void;
  readonly #onFailed: (error: unknown) => void;
  #queue: string[] = [];
  #busy = false;

  constructor(
    door: HttpDoor,
    path: () => string,
    onReplies: (text: string) => void,
    onFailed: (error: unknown) => void,
  ) {
    this.#door = door;
    this.#path = path;
    this.#onReplies = onReplies;
    this.#onFailed = onFailed;
  }

  send(text: string): void {
    this.#queue.push(text);
    if (this.#busy) return;
    this.#busy = true;
    // A tick later, so that what is sent together travels together.
    void Promise.resolve().then(() => this.#drain());
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0 && !this.#door.isEnded) {
      try {
        const response = await this.#door.call(this.#path(), {
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

  /** As much of the queue as goes into one body; one message at least. */
  #take(): string[] {
    let count = 0;
    let bytes = 0;
    for (const text of this.#queue) {
      // A UTF-16 unit is at most three bytes.
      bytes += text.length * 3;
      if (count > 0 && (bytes > maxBytes || count >= maxMessages)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }
}

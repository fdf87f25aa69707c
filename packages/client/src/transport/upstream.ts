import type { Schedule } from "../runtime/schedule.ts";
import { type HttpEndpoint, Refused } from "./http-endpoint.ts";
import { maxBytesOf } from "./outgoing.ts";

/** Maximum number of messages in the body of one POST. */
const maxMessages = 1_000;

/** Parts of an upstream. */
export interface UpstreamParts {
  readonly endpoint: HttpEndpoint;
  path(): string;
  onReplies(text: string): void;
  onFailed(error: unknown): void;
  /** Time limit of a call, if there is one. */
  readonly limit?: { readonly schedule: Schedule; readonly ms: number };
}

/**
 * Sends messages by POST, one call at a time, so that they keep their order. Messages that are added during a
 * call share the next one.
 */
export class Upstream {
  readonly #parts: UpstreamParts;
  #queue: string[] = [];
  #maxBytes = 0;
  #busy = false;

  constructor(parts: UpstreamParts) {
    this.#parts = parts;
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
    const { endpoint, path, onReplies, onFailed, limit } = this.#parts;
    while (this.#queue.length > 0 && !endpoint.isEnded) {
      const onLate = () => onFailed(new Refused(1006, "a call got no answer in time"));
      const cancel = limit?.schedule.after(limit.ms, onLate);
      try {
        const response = await endpoint.call(path(), { body: `[${this.#take().join(",")}]` });
        onReplies(await response.text());
      } catch (error) {
        onFailed(error);
        return;
      } finally {
        cancel?.();
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

import { failure, isRecord } from "@milepost/protocol";
import type { Schedule } from "../runtime/schedule.ts";
import { type HttpEndpoint, Refused } from "./http-endpoint.ts";
import { maxBytesOf } from "./outgoing.ts";

/** Maximum number of messages in the body of one POST. */
const maxMessages = 1_000;
/** Longest wait between two calls that a gateway can ask for while the connection stays, in milliseconds. */
const maxRestMs = 10_000;

/** Parts of an upstream. */
export interface UpstreamParts {
  readonly endpoint: HttpEndpoint;
  readonly schedule: Schedule;
  path(): string;
  onReplies(text: string): void;
  onFailed(error: unknown): void;
  /**
   * Takes the reply to a message that is too large by itself. The reply is made here, since no gateway saw the
   * message.
   */
  onRefused(reply: string): void;
  /** Time limit of a call in milliseconds, if there is one. */
  readonly limitMs?: number | undefined;
}

/**
 * Sends messages by POST, one call at a time, so that they keep their order. Messages that are added during a
 * call share the next one.
 */
export class Upstream {
  readonly #parts: UpstreamParts;
  #maxMessages = maxMessages;
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
    const { endpoint, path, onReplies, onFailed, limitMs, schedule } = this.#parts;
    while (this.#queue.length > 0 && !endpoint.isEnded) {
      const onLate = () => onFailed(new Refused(1006, "a call got no answer in time"));
      const cancel = limitMs === undefined ? undefined : schedule.after(limitMs, onLate);
      const batch = this.#take();
      try {
        const response = await endpoint.call(path(), { body: `[${batch.join(",")}]` });
        onReplies(await response.text());
        this.#maxMessages = Math.min(maxMessages, this.#maxMessages * 2);
      } catch (error) {
        cancel?.();
        const refused = error instanceof Refused ? error : undefined;
        const { isTooLarge, code, retryAfterMs = 0 } = refused ?? {};
        if (isTooLarge) this.#halve(batch);
        // The gateway has handled none of the messages; the connection stays as it is.
        else if (code === 4429 && retryAfterMs > 0 && retryAfterMs <= maxRestMs) {
          this.#queue.unshift(...batch);
          await new Promise<void>((resolve) => schedule.after(retryAfterMs, resolve));
        } else {
          onFailed(error);
          return;
        }
      } finally {
        cancel?.();
      }
    }
    this.#busy = false;
  }

  /** Sends a body that was too large again in parts. A single message that is too large is refused by itself. */
  #halve(batch: readonly string[]): void {
    const [first = ""] = batch;
    if (batch.length > 1) {
      this.#maxMessages = Math.ceil(batch.length / 2);
      this.#queue.unshift(...batch);
      return;
    }
    const message: unknown = JSON.parse(first);
    const id = (isRecord(message) ? message.id : undefined) ?? null;
    const error = failure("too_large", "the message is too large for the way to the gateway");
    this.#parts.onRefused(JSON.stringify({ type: "reply", id, error }));
  }

  /** Takes as many messages from the queue as fit into one body, and at least one. */
  #take(): string[] {
    let count = 0;
    let bytes = 0;
    for (const text of this.#queue) {
      bytes += maxBytesOf(text);
      if (count > 0 && (bytes > this.#maxBytes || count >= this.#maxMessages)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }
}

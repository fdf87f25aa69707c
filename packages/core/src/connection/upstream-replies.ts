import { failure, type MessageId, type ServerMessage } from "@milepost/protocol";

type Answer = (message: ServerMessage) => void;

/** Replies that are returned in the response to an upstream request instead of in the connection's stream. */
export class UpstreamReplies {
  /** Waiting callers by the id of their message. Two messages with the same id are answered in their order. */
  readonly #waiting = new Map<MessageId, Answer[]>();

  /** Resolves with the reply to the message `id`. Call it before the message is handled. */
  expect(id: MessageId): Promise<ServerMessage> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) this.#waiting.set(id, [resolve]);
      else waiting.push(resolve);
    });
  }

  /** Returns true while a caller waits for the reply to the message `id`. */
  expects(id: MessageId): boolean {
    return this.#waiting.has(id);
  }

  /** Passes a reply or pong to the caller that waits for its id. Returns false if no caller waits for it. */
  take(message: ServerMessage): boolean {
    if (message.type !== "reply" && message.type !== "pong") return false;
    const { id } = message;
    if (id === undefined || id === null) return false;
    const waiting = this.#waiting.get(id);
    const answer = waiting?.shift();
    if (waiting?.length === 0) this.#waiting.delete(id);
    answer?.(message);
    return answer !== undefined;
  }

  /** Answers all waiting callers with a retryable `timed_out`, because the connection has ended. */
  close(): void {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const [id, waiting] of all) {
      const error = failure(
        "timed_out",
        "the connection ended before the reply; the message may have taken effect, so check before sending it again",
      );
      for (const answer of waiting) answer({ type: "reply", id, error });
    }
  }
}

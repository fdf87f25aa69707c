import { failure, type MessageId, type ServerMessage } from "@milepost/protocol";

type Answer = (message: ServerMessage) => void;

/** Replies that go back with the request that brought their message, instead of down the stream. */
export class UpstreamReplies {
  /** By the id of the message; two with the same id are answered in their order. */
  readonly #waiting = new Map<MessageId, Answer[]>();

  /** Resolves with the reply to the message `id`; it must not have been handled yet. */
  expect(id: MessageId): Promise<ServerMessage> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) this.#waiting.set(id, [resolve]);
      else waiting.push(resolve);
    });
  }

  /** Whether somebody waits for the reply to the message `id`. */
  expects(id: MessageId): boolean {
    return this.#waiting.has(id);
  }

  /** Whether somebody waited for this; then it has it. */
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

  /** The connection ended: whoever still waits learns that it may ask again. */
  close(): void {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const [id, waiting] of all) {
      const error = failure("timed_out", "the connection ended before the answer; it may be done");
      for (const answer of waiting) answer({ type: "reply", id, error });
    }
  }
}

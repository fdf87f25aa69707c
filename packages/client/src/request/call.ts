import type { ClientMessage, MessageId } from "@milepost/protocol";
import type { RawMessage } from "../transport/server-frame.ts";

/** Options of a request. */
export interface RequestOptions {
  /**
   * Cancels the request when aborted: the gateway is notified, and the promise rejects with the signal's
   * reason.
   */
  readonly signal?: AbortSignal;
  /**
   * Time limit in milliseconds, including the wait for a connection; default 30,000. When it passes, the
   * request rejects with `timed_out` and is cancelled at the gateway.
   */
  readonly timeoutMs?: number;
  /**
   * Idempotency key, passed to the method. A request with a key is sent again after a reconnect. Use a key only
   * for a method that carries out repeated requests with the same key once.
   */
  readonly key?: string;
}

/** Options of a message that expects a reply. */
export interface CallOptions extends RequestOptions {
  /**
   * True when the message may be sent again after the connection broke, because repeating it has no further
   * effect; default false.
   */
  readonly resend?: boolean;
  /** Receives the chunks of the reply; each one restarts the timeout. */
  readonly onChunk?: (chunk: RawMessage) => void;
}

type WithoutId<Message> = Message extends unknown ? Omit<Message, "id"> : never;

/** Message that expects a reply, before it gets its id. */
export type Call = WithoutId<Extract<ClientMessage, { id?: MessageId }>>;

/** Receiver of a call's outcome. It is called inside the event that caused the outcome, not in a later tick. */
export interface Outcome {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

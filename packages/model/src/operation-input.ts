/**
 * Phases of a message to an operation. `queued` and `taken` wait for the producer; `taken` says that it has begun with
 * the message. All others are final: `done`, `interrupted` by a later message, `rejected` by the policy, `dropped`
 * because the operation ended.
 */
export type InputPhase = "queued" | "taken" | "done" | "interrupted" | "rejected" | "dropped";

/** A message to an operation and its current phase. Times are milliseconds since 1970. */
export interface InputState {
  readonly id: string;
  readonly data: unknown;
  readonly phase: InputPhase;
  /** User or API key that sent it. */
  readonly by?: string;
  readonly sent_at: number;
  readonly updated_at: number;
  /** Offset in the channel of the entry that brought the message; higher for later ones. */
  readonly seq: number;
}

/** Body of `POST /v1/operations/{id}/inputs`. */
export interface SendInput {
  /** The message: any JSON value. */
  readonly data: unknown;
  /** Idempotency key: requests with the same key are one message. */
  readonly key?: string;
}

/** Answer to `POST /v1/operations/{id}/inputs`, or `operations.input`: the message is in the operation's log. */
export interface SentInput {
  readonly input_id: string;
  readonly phase: InputPhase;
}

/** A message that its producer has not finished. */
export interface PendingInput {
  readonly operation_id: string;
  readonly input_id: string;
  readonly data: unknown;
  readonly by?: string;
  readonly phase: "queued" | "taken";
  /** Order of the message. A producer that waits for later ones sends the highest it has as `after`. */
  readonly seq: number;
}

/** Bounds of messages to an operation. */
export const inputBounds = {
  /** Maximum number of messages that wait for the producer. */
  pending: 20,
  /** Number of messages that the state of an operation keeps. */
  kept: 40,
  /** Maximum length of one message as JSON text, in characters. */
  data: 16 * 1024,
} as const;

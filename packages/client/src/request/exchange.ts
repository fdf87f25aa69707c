import type { Call, CallOptions, Outcome } from "./requests.ts";

/** One part of a stream, or how much more the other side may send. */
export type Chunk =
  | { readonly index: number; readonly data?: unknown; readonly last?: boolean }
  | { readonly credit: number };

/** A message under way that is answered, and may have chunks. */
export interface Exchange {
  /** Sends a chunk; begins the time anew. Does nothing once it is over; throws `too_large` and `bad_message`. */
  send(chunk: Chunk): void;
  /** Ends it: the service is told, and the outcome is the reason. */
  giveUp(reason: unknown): void;
}

/** Begins an exchange: throws what cannot be sent at all, everything else is told to the outcome. */
export type BeginExchange = (message: Call, options: CallOptions, outcome: Outcome) => Exchange;

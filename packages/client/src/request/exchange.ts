import type { Call, CallOptions, Outcome } from "./call.ts";

/** Part of a stream, or credit that lets the other side send more. */
export type Chunk =
  | { readonly index: number; readonly data?: unknown; readonly last?: boolean }
  | { readonly credit: number };

/** Message under way that expects a reply, and may have chunks. */
export interface Exchange {
  /**
   * Sends a chunk and restarts the timeout. Does nothing once the exchange has ended. Throws `too_large` and
   * `bad_message`.
   */
  send(chunk: Chunk): void;
  /**
   * Ends the exchange: a request already sent is cancelled at the gateway, and the outcome rejects with
   * `reason`.
   */
  giveUp(reason: unknown): void;
}

/** Begins an exchange. Throws when the message cannot be sent at all; every other error goes to the outcome. */
export type BeginExchange = (message: Call, options: CallOptions, outcome: Outcome) => Exchange;

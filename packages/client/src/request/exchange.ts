import type { Call, CallOptions, Outcome } from "./call.ts";

/** Part of a stream, or a grant of credit (in bytes) that lets the other side send more parts. */
export type Chunk =
  | { readonly index: number; readonly data?: unknown; readonly last?: boolean }
  | { readonly credit: number };

/** Pending message that expects a reply and may send and receive chunks until then. */
export interface Exchange {
  /**
   * Sends a chunk and restarts the timeout. Does nothing once the exchange has ended. Throws `too_large` when
   * the chunk is over the gateway's size limit, and `bad_message` when it cannot be written as JSON.
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

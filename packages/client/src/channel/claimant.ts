import type { MilepostError } from "@milepost/protocol";
import type { RawMessage } from "../transport/server-frame.ts";

/**
 * Part of the client outside the core, such as a durable subscriber, that receives all messages of a channel it
 * has claimed.
 */
export interface Claimant {
  /** Error with which other subscriptions to the channel fail while it is claimed. */
  readonly taken: MilepostError;
  /**
   * Called when the client has connected. The new connection has no subscription yet, so the claimant
   * subscribes again.
   */
  onUp(): void;
  onDown(): void;
  onMessage(message: RawMessage): void;
  /** Called when the client is closed. */
  onClosed(error: MilepostError): void;
}

import type { MilepostError } from "@milepost/protocol";
import type { RawMessage } from "../transport/server-frame.ts";

/** Receiver of all messages of a channel that a part outside the core has claimed. */
export interface Claimant {
  /** Error of other subscribers of the channel, which fail while it is claimed. */
  readonly taken: MilepostError;
  /** Called when the client has connected; no earlier subscription exists any more. */
  onUp(): void;
  onDown(): void;
  onMessage(message: RawMessage): void;
  /** Called when the client is closed. */
  onClosed(error: MilepostError): void;
}

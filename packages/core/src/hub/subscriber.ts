import type { GapReason, Position, Publication } from "@milepost/protocol";
import type { SendQueue } from "../send-queue/send-queue.ts";
import type { Encoder } from "../send-queue/transport.ts";
import type { Start } from "./recovery.ts";
import type { Reset } from "./reset.ts";

/**
 * Who a channel's entries go to. Calls come in the order of the channel: `onStart` or `onFailed` first and
 * once, then the rest. A reader may leave its channel in any call, but not make others leave.
 */
export interface Subscriber {
  /**
   * Where encoded batches go as they are, so that they are made once for all readers with the same encoder;
   * undefined when this reader needs the publications themselves.
   */
  readonly shared: SharedSubscriber | undefined;
  onStart(start: Start): void;
  /** The subscription could not start; it is over. */
  onFailed(error: unknown): void;
  /** Consecutive entries, right after what came before, which was at `before`. */
  onPublications(publications: readonly Publication[], before: Position): void;
  /** Entries after `from` up to and including `to` will not come. */
  onGap(from: Position, to: Position, reason: GapReason): void;
  /** The state takes the place of what was missed. */
  onReset(reset: Reset): void;
  /** The stream is complete: its last entry was handed over, and the reader has left. */
  onEnd(end: Publication): void;
  /** Waits until more can be taken; undefined when it can now. */
  drained(): Promise<void> | undefined;
}

/** A reader that takes encoded batches. */
export interface SharedSubscriber {
  readonly encoder: Encoder;
  readonly sendQueue: SendQueue;
}

import type { GapReason, Position, Publication } from "@milepost/protocol";
import type { SendQueue } from "../send-queue/send-queue.ts";
import type { Encoder } from "../send-queue/transport.ts";
import type { Start } from "./recovery.ts";
import type { Reset } from "./reset.ts";

/**
 * Receiver of a channel's entries. Calls come in the order of the channel: `onStart` or `onFailed` first and
 * once, then the rest. A subscriber may leave its channel during any call, but must not make others leave.
 */
export interface Subscriber {
  /**
   * Destination of encoded batches, so that they are encoded once for all subscribers with the same encoder.
   * Undefined when this subscriber needs the publications themselves.
   */
  readonly shared: SharedSubscriber | undefined;
  onStart(start: Start): void;
  /** Reports that the subscription could not start and has ended. */
  onFailed(error: unknown): void;
  /** Delivers consecutive entries, which directly follow the previous ones at position `before`. */
  onPublications(publications: readonly Publication[], before: Position): void;
  /** Reports that the entries after `from`, up to and including `to`, will not be delivered. */
  onGap(from: Position, to: Position, reason: GapReason): void;
  /** Delivers the channel's state in place of the missed entries. */
  onReset(reset: Reset): void;
  /**
   * Reports the end of the channel. The subscriber has received the channel's last entry and has left the
   * channel.
   */
  onEnd(end: Publication): void;
  /** Reports the size of entries that are delivered because the subscriber asked for them, before its live ones. */
  onReplay?(size: number): void;
  /** Resolves once the subscriber can take more entries. Returns undefined if it can take them now. */
  drained(): Promise<void> | undefined;
}

/** A subscriber that takes encoded batches. */
export interface SharedSubscriber {
  readonly encoder: Encoder;
  readonly sendQueue: SendQueue;
}

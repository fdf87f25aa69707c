import type { GapReason, Position, Publication } from "@milepost/protocol";

/** Start of a durable subscription. */
export interface DurableStart {
  /** Position up to which everything is settled. Unsettled entries after it are delivered next. */
  readonly position: Position;
  readonly recovered: boolean;
  readonly reason?: GapReason;
  /** Span of entries that will not be delivered. */
  readonly gap?: { readonly from: Position; readonly to: Position };
}

/** Recipient of a durable subscriber's deliveries. `onStart` or `onFailed` is called first, and once. */
export interface DurableOwner {
  onStart(start: DurableStart): void;
  /** Reports that the subscription could not start. No further call follows. */
  onFailed(error: unknown): void;
  /** Receives entries, each with the number of times it was delivered. */
  onDelivery(publications: readonly Publication[]): void;
  /** Reports that the entries after `from`, up to and including `to`, will not be delivered. */
  onGap(from: Position, to: Position, reason: GapReason): void;
  /** Reports that the channel has ended and everything before the end is settled. No further call follows. */
  onEnd(end: Publication): void;
  /** Reports that another connection holds the subscriber now. No further call follows. */
  onTakenOver(acked: Position): void;
  /**
   * Returns a promise that resolves when the owner can take more deliveries; undefined when it can take more
   * now.
   */
  drained(): Promise<void> | undefined;
}

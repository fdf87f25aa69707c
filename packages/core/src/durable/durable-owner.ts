import type { GapReason, Position, Publication } from "@milepost/protocol";

/** How a durable subscription starts. */
export interface DurableStart {
  /** Everything up to here is settled; what is not settled after it follows. */
  readonly position: Position;
  readonly recovered: boolean;
  readonly reason?: GapReason;
  /** Entries of this span will not come. */
  readonly gap?: { readonly from: Position; readonly to: Position };
}

/** Who a durable subscriber's deliveries go to. `onStart` or `onFailed` comes first and once. */
export interface DurableOwner {
  onStart(start: DurableStart): void;
  /** The subscription could not start; it is over. */
  onFailed(error: unknown): void;
  /** Entries, each with how often it was delivered. */
  onDelivery(publications: readonly Publication[]): void;
  /** Entries after `from` up to and including `to` will not come. */
  onGap(from: Position, to: Position, reason: GapReason): void;
  /** The channel has ended, and everything before is settled; it is over. */
  onEnd(end: Publication): void;
  /** Another connection holds the subscriber now; it is over. */
  onTakenOver(acked: Position): void;
  /** Waits until more can be taken; undefined when it can now. */
  drained(): Promise<void> | undefined;
}

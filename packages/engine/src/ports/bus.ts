import type { Publication } from "@milepost/protocol";
import type { LogPolicy } from "./channel-log.ts";

/** Receives publications of the channels the node subscribed to, in offset order per channel. */
export type BusListener = (publication: Publication) => void;

/**
 * Carries appended publications to every node that has subscribers.
 *
 * It may lose (a position check notices), never reorders within a channel, and never calls the listener
 * inside `subscribe`.
 */
export interface Bus {
  /** Sets the one listener of this node; `onDisrupted` is called when something may have been lost, where the bus knows. */
  listen(listener: BusListener, onDisrupted?: () => void): void;
  /** Resolves once everything appended from now on will reach the listener. Called once per channel and node. */
  subscribe(channel: string, policy: LogPolicy): Promise<void>;
  unsubscribe(channel: string, policy: LogPolicy): Promise<void>;
}

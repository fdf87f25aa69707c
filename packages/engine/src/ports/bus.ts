import type { Publication } from "@milepost/protocol";
import type { LogPolicy } from "./channel-log.ts";

/** Receives publications of the channels the node subscribed to, in offset order per channel. */
export type BusListener = (publication: Publication) => void;

/**
 * Bus that carries appended publications to every node with subscribers.
 *
 * A bus may lose publications, which a position check detects. It never reorders them within a channel, and
 * never calls the listener inside `subscribe`.
 */
export interface Bus {
  /**
   * Sets the only listener of this node. `onDisrupted` is called when the bus detects that publications may
   * have been lost.
   */
  listen(listener: BusListener, onDisrupted?: () => void): void;
  /** Resolves once everything appended from now on will reach the listener. Called once per channel and node. */
  subscribe(channel: string, policy: LogPolicy): Promise<void>;
  unsubscribe(channel: string, policy: LogPolicy): Promise<void>;
}

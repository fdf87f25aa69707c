import type { Priority } from "./client-message.ts";
import type { Position } from "./position.ts";

/**
 * The event of the entry that ends a channel's log, with `{"reason": text}` as its data. The name is reserved, so
 * nobody can publish it.
 */
export const endEvent = "end";

/** One entry of a channel's log, as it travels through the gateway. */
export interface Publication {
  readonly channel: string;
  /** In the log of everything below a prefix: the channel it was published to. */
  readonly source?: string;
  readonly position: Position;
  /**
   * The tag of the entry before it, where the engine tells it: a log that lost its tail and went on is
   * known by it, though its offsets continue.
   */
  readonly previousTag?: string;
  /** What was sent before it, where it stands for several entries; only on its way to a slow reader. */
  readonly since?: Position;
  /** How often it was delivered, this time included; only on its way to a durable subscriber. */
  readonly attempt?: number;
  /** In place of the channel's, where the publisher said so. */
  readonly priority?: Priority;
  /** The event name, as the publisher chose it. */
  readonly event: string;
  /** The data as JSON text: made once when it enters, spliced into every frame, never parsed on the way out. */
  readonly json: string;
  /** When it was appended, in milliseconds since 1970. It informs; it never orders. */
  readonly ts: number;
}

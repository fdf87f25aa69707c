import type { Priority } from "./client-message.ts";
import type { Position } from "./position.ts";

/**
 * Event name of the entry that ends a channel's log, with `{"reason": text}` as its data. The name is reserved,
 * so nobody can publish it.
 */
export const endEvent = "end";

/** One entry of a channel's log, as it passes through the gateway. */
export interface Publication {
  readonly channel: string;
  /** Channel that the entry was published to; only in the log of everything below a prefix. */
  readonly source?: string;
  readonly position: Position;
  /**
   * Tag of the entry before this one, if the engine provides it. It reveals a log that lost its tail and
   * continued, although its offsets are contiguous.
   */
  readonly previousTag?: string;
  /**
   * Position of the last entry sent before this one, if it stands for several merged entries. Only on delivery
   * to a slow subscriber.
   */
  readonly since?: Position;
  /** Number of deliveries of this entry, including this one. Only on delivery to a durable subscriber. */
  readonly attempt?: number;
  /** Priority that the publisher chose instead of the channel's. */
  readonly priority?: Priority;
  /** Name of the event, as the publisher chose it. */
  readonly event: string;
  /**
   * Data as JSON text: encoded once when the entry arrives, spliced into every frame, never parsed on the way
   * out.
   */
  readonly json: string;
  /** Time of the append, in milliseconds since 1970. It is for information and never orders entries. */
  readonly ts: number;
}

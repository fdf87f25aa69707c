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
  /**
   * Channel that the entry was published to. Present only in a roll-up, the log of everything below a prefix.
   */
  readonly source?: string;
  readonly position: Position;
  /**
   * Tag of the entry before this one, if the engine provides it. If it differs from the tag of the entry that
   * was received at the offset before, the log lost its last entries and then continued with the same offsets.
   */
  readonly previousTag?: string;
  /**
   * Position of the last entry that was delivered before this one. Present only if this entry was merged from
   * several for a slow subscriber.
   */
  readonly since?: Position;
  /**
   * Number of deliveries of this entry, including this one. Present only on delivery to a durable subscriber.
   */
  readonly attempt?: number;
  /** Priority that the publisher chose. It replaces the priority of the channel's rule. */
  readonly priority?: Priority;
  /**
   * Signature of the publisher over channel, event, data and dedupe key, for readers that verify it. A publication
   * that was merged from several has none.
   */
  readonly sig?: string;
  /**
   * Publisher whose credential the gateway verified: `user:{id}`, `session:{id}`, `guest:{id}` or `service:{name}`.
   * Present only where the channel's rule shows publishers.
   */
  readonly publisher?: string;
  /** W3C trace context of the publish, with which deliveries belong to its trace; absent where it is not traced. */
  readonly traceparent?: string;
  /** Name of the event, as the publisher chose it. */
  readonly event: string;
  /**
   * Data as JSON text. The gateway encodes it once when the entry arrives, copies it into every frame, and does
   * not parse it on delivery.
   */
  readonly json: string;
  /** Time of the append, in milliseconds since 1970. It is for information and never orders entries. */
  readonly ts: number;
}

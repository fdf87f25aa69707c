/** Publication that a producer wrote to an external queue, not yet validated. */
export interface SourceEntry {
  /**
   * Permanent id of the entry, unique within its source. The id is also the entry's dedupe key unless `fields`
   * has a `key`.
   */
  readonly id: string;
  /** Fields as in a publish by HTTP: `channel`, `event`, `data` as JSON text, `key`, `priority` and `traceparent`. */
  readonly fields: Readonly<Record<string, string>>;
  /**
   * Names of the fields whose bytes are not UTF-8; their texts have U+FFFD in place of these bytes. An entry with such
   * a channel, event, data, key or priority is not published.
   */
  readonly damaged?: readonly string[];
  /** Number of this attempt to publish the entry, from 1. */
  readonly attempt: number;
}

/** Outcome of an entry: stored, already known by its key, or given up and kept as a dead letter. */
export type Taken = "stored" | "duplicate" | "dead_letter";

/**
 * Publishes an entry of a source. The source may forget the entry once this resolves.
 *
 * Rejects with a retryable error when the outcome is unknown. The source must then offer the same entry again,
 * before later entries of its channel.
 */
export type TakeEntry = (source: string, entry: SourceEntry) => Promise<Taken>;

/** External queue that publications come from. */
export interface Source {
  /** Starts to hand over entries; called once. */
  start(take: TakeEntry): void;
  /** Stops reading. Resolves once the entries handed over are settled or left to other nodes. */
  close(): Promise<void>;
}

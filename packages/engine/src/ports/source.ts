/** Publication as it stands in an external queue: written by a producer there, not yet validated. */
export interface SourceEntry {
  /**
   * Id that names the entry within its source for ever. It is the entry's dedupe key unless `fields` has a
   * `key`.
   */
  readonly id: string;
  /** Fields as in a publish by HTTP: `channel`, `event`, `data` as JSON text, `key` and `priority`. */
  readonly fields: Readonly<Record<string, string>>;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
}

/** Outcome of an entry: stored, already known by its key, or given up and kept as a dead letter. */
export type Taken = "stored" | "duplicate" | "dead_letter";

/**
 * Takes an entry of a source, which may forget the entry once this resolves.
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

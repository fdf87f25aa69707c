/** Longest name of a record, in characters. */
export const maxRecordName = 1_024;
/** Longest value of a record, in characters. */
export const maxRecordValue = 32_768;

/** A record, as it was stored. */
export interface StoredRecord {
  readonly value: string;
  /** Time at which the record ends, in milliseconds since 1970. */
  readonly endsAt: number;
}

/**
 * Small records that end by themselves, shared by all nodes: sessions and tickets.
 *
 * The same name in another space is another record. A space is a word of the code, such as `session`, never
 * input from outside; a name may be any text. Every method rejects with `store_unavailable` when the store cannot
 * answer.
 */
export interface Records {
  /**
   * Stores a record for `ttlMs` milliseconds, in place of an earlier one. Resolves once every read that begins
   * later shows it.
   *
   * Rejects with `bad_message` when the name or the value is too long, and with `rate_limited` when the store
   * holds as many records of the space as it may.
   */
  put(space: string, name: string, value: string, ttlMs: number): Promise<void>;
  /** Returns a record that has not ended; undefined when there is none. */
  get(space: string, name: string): Promise<StoredRecord | undefined>;
  /** Removes a record and returns it. Of several concurrent calls, on whatever nodes, exactly one gets it. */
  take(space: string, name: string): Promise<StoredRecord | undefined>;
}

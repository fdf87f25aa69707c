/** Entry that could not be delivered or published. */
export interface DeadEntry {
  /** Position of the entry in its channel; absent when the entry was never stored. */
  readonly position?: string;
  /**
   * Position before the first lost entry. Present when the dead letter represents several entries: all after
   * `since`, up to and including `position`.
   */
  readonly since?: string;
  /** Channel the entry was published to, when the subscription reads a roll-up of everything below a prefix. */
  readonly source?: string;
  /** Event name; absent together with `json` when the log lost the entry before it was given up. */
  readonly event?: string;
  /** The data as JSON text. */
  readonly json?: string;
  /** Dedupe key that the entry was to be published with. */
  readonly key?: string;
  /** Time of the append, in milliseconds since 1970. */
  readonly ts?: number;
}

/** Dead letter before the store gives it an id. */
export interface NewDeadLetter {
  /**
   * Identity of the failed delivery or publish. A new dead letter with the same source replaces the earlier one
   * and keeps its id.
   */
  readonly source: string;
  /** Time at which the entry was given up, in milliseconds since 1970. */
  readonly at: number;
  readonly channel: string;
  /** Reason for giving up: one word, optionally followed by a colon and details. */
  readonly reason: string;
  /** Durable subscriber that did not accept the entry; absent when the entry could not be published. */
  readonly subscriber?: { readonly owner: string; readonly name: string };
  /** Publisher that the key belongs to; set only for entries that could not be published. */
  readonly publisher?: string;
  /** Number of attempts made. */
  readonly attempts: number;
  readonly entry: DeadEntry;
}

/** Entry that was given up, as the store keeps it. */
export interface DeadLetter extends NewDeadLetter {
  readonly id: string;
}

/** Filter for a list of dead letters; all given conditions must hold. */
export interface DeadLetterQuery {
  readonly channel?: string;
  /** Name of the durable subscriber. */
  readonly subscriber?: string;
  /** Whole reason, or its first word. */
  readonly reason?: string;
  /** Id after which the list continues; its dead letter need not exist any more. */
  readonly after?: string;
  readonly limit: number;
}

/** Bounds of the store. Beyond them the oldest dead letters are dropped. */
export interface DeadLetterBounds {
  readonly maxDeadLetters: number;
  /** Maximum number of characters of data of all dead letters together. */
  readonly maxLength: number;
  readonly maxAgeMs: number;
}

/**
 * Dead-letter queue: entries that were given up, kept to be read, replayed and removed.
 *
 * Each method is atomic. All reject with `store_unavailable` when the store cannot answer; repeating any is
 * harmless.
 */
export interface DeadLetterStore {
  /**
   * Stores a dead letter, replacing an earlier one of the same source. Then drops the oldest dead letters until
   * `bounds` hold, and counts the dropped ones.
   */
  put(deadLetter: NewDeadLetter, bounds: DeadLetterBounds): Promise<DeadLetter>;
  get(id: string): Promise<DeadLetter | undefined>;
  /** Lists dead letters in the order in which their sources were first put. */
  list(query: DeadLetterQuery): Promise<readonly DeadLetter[]>;
  /** Removes a dead letter. Resolves with false when it did not exist. */
  remove(id: string): Promise<boolean>;
  /**
   * Resolves with the number of dead letters kept, and the number dropped for the bounds since the store began.
   */
  count(): Promise<{ readonly kept: number; readonly dropped: number }>;
}

/** What could not be delivered or published. */
export interface DeadEntry {
  /** Where it stands in its channel; absent when it was never stored. */
  readonly position?: string;
  /** It stands for all entries after this position. */
  readonly since?: string;
  /** Where it was published to, if what was read is everything below a prefix. */
  readonly source?: string;
  /** Absent, with `json`, where the log had lost the entry before it was given up. */
  readonly event?: string;
  /** The data as JSON text. */
  readonly json?: string;
  /** The key it was to be published with. */
  readonly key?: string;
  /** When it was appended, in milliseconds since 1970. */
  readonly ts?: number;
}

/** A letter before it has an id. */
export interface NewDeadLetter {
  /** What it tells of: a letter with the source of an earlier one takes its place and its id. */
  readonly source: string;
  /** When it was given up, in milliseconds since 1970. */
  readonly at: number;
  readonly channel: string;
  /** A word, or a word, a colon and more. */
  readonly reason: string;
  /** Who did not take it; absent when it could not be published. */
  readonly subscriber?: { readonly owner: string; readonly name: string };
  /** Whose its key is; only of what could not be published. */
  readonly publisher?: string;
  /** How often it was tried. */
  readonly attempts: number;
  readonly entry: DeadEntry;
}

/** An entry that was given up. */
export interface DeadLetter extends NewDeadLetter {
  readonly id: string;
}

/** Which letters to list; all given conditions hold. */
export interface DeadLetterQuery {
  readonly channel?: string;
  /** The name of the subscriber. */
  readonly subscriber?: string;
  /** The reason, or its first word. */
  readonly reason?: string;
  /** Only those after this id, which need not be there any more. */
  readonly after?: string;
  readonly limit: number;
}

/** How much is kept; beyond, the oldest go. */
export interface DeadLetterBounds {
  readonly maxLetters: number;
  /** Characters of data of all letters together. */
  readonly maxLength: number;
  readonly maxAgeMs: number;
}

/**
 * What was given up, kept to be read, replayed and dropped.
 *
 * Each method is atomic. All reject with `store_unavailable` when the store cannot answer; repeating any is harmless.
 */
export interface DeadLetterStore {
  /** Keeps a letter, in the place of an earlier one of the same source. Afterwards the bounds hold; what has to go is counted. */
  put(deadLetter: NewDeadLetter, bounds: DeadLetterBounds): Promise<DeadLetter>;
  get(id: string): Promise<DeadLetter | undefined>;
  /** In the order in which their sources were first put. */
  list(query: DeadLetterQuery): Promise<readonly DeadLetter[]>;
  /** Whether it was there. */
  remove(id: string): Promise<boolean>;
  /** How many are kept, and how many had to go for the bounds since the store began. */
  count(): Promise<{ readonly kept: number; readonly dropped: number }>;
}

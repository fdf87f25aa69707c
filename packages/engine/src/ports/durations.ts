/** Longest name of a kind that {@link Durations} takes, in characters. */
export const maxDurationKind = 256;
/** Longest record of one case, in characters. */
export const maxDurationRecord = 1_024;
/** Maximum number of counts of one kind. */
export const maxDurationCounts = 64;

/** Record of one kind: the newest cases, and counts over about the last `maxCount` of them. */
export interface KindDurations {
  readonly kind: string;
  /** Records of the newest cases, newest first; empty in a list. */
  readonly records: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** One finished case of a kind. */
export interface FinishedCase {
  readonly record: string;
  /** Numbers to add to the kind's counts, each 0 or above. A name is 1–16 letters and digits. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Bounds of what {@link Durations} keeps. */
export interface DurationBounds {
  /** Maximum number of records of one kind; older ones are dropped. */
  readonly maxRecords: number;
  /** Number at which all counts of a kind are halved, so that old cases count less. */
  readonly maxCount: number;
  /** Maximum number of kinds; the ones whose last case is the oldest are dropped. */
  readonly maxKinds: number;
  /** Time after its last case after which a kind is forgotten, in milliseconds. */
  readonly keepMs: number;
}

/**
 * How long past cases of each kind took, shared by all nodes: what estimates are learned from. A record is text that the
 * caller reads and writes. Every method rejects with `store_unavailable` when the store cannot answer.
 */
export interface Durations {
  /**
   * Adds a finished case to its kind in one atomic step, so that cases that end at several nodes at once all count.
   * Rejects with `bad_message` when the kind, the record or the counts are too long.
   */
  add(kind: string, finished: FinishedCase, bounds: DurationBounds): Promise<void>;
  /** Returns what is known of a kind; undefined for nothing. */
  get(kind: string): Promise<KindDurations | undefined>;
  /** Returns the counts of up to `limit` kinds, those with the newest case first. */
  list(limit: number): Promise<readonly KindDurations[]>;
}

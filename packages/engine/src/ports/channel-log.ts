import type { Position, Priority, Publication, Snapshot } from "@milepost/protocol";

/** A publication on its way into the log. */
export interface NewEntry {
  /** Its name; the protocol's `endEvent` makes it the last entry. */
  readonly event: string;
  /** The data as JSON text, already checked. */
  readonly json: string;
  /** Kept with the publication. */
  readonly priority?: Priority;
  /** Dedupe key. */
  readonly key?: string;
  /** Whose key it is: the same key of another publisher is another key. */
  readonly publisher: string;
}

/** Another log that gets a copy of what is appended: that of everything below a prefix. */
export interface RollUp {
  /** How many segments of the channel's name are the prefix; `rollUpName` makes the log's name of them. */
  readonly segments: number;
  /** How that log is kept; it has neither a projection nor a roll-up of its own. */
  readonly policy: LogPolicy;
}

/** How a channel keeps its log; from its rule. */
export interface LogPolicy {
  /** The most entries kept. */
  readonly maxEntries: number;
  /**
   * How long an entry is kept, in milliseconds. The log itself disappears when it was neither appended to
   * nor read for as long and remembers no key; one that never had an entry, after five minutes at most.
   */
  readonly maxAgeMs: number;
  /** How long a key is remembered, in milliseconds. */
  readonly dedupeMs: number;
  /** The name of the reducer that folds the log into its state, as `projectionNamed` of the model knows it. */
  readonly projection?: string;
  readonly rollUp?: RollUp;
  /** A node that is without its store goes on with a log of its own; the store itself need not care. */
  readonly goesOnLocally?: true;
}

/** What an append came to. */
export interface Appended {
  readonly publication: Publication;
  /** The key was known: `publication` is the one it first made (its data may have been trimmed to "null"), nothing was created. */
  readonly duplicate: boolean;
}

/** A contiguous part of a log. */
export interface LogSlice {
  /** In order, without a hole. */
  readonly entries: readonly Publication[];
  /** The last position of the log when it was read. */
  readonly head: Position;
  /** The place right before the oldest entry still kept; `head` when none is. */
  readonly floor: Position;
  /** The entry that ended the log, at `head`; told as long as the log is there, also once the entry is trimmed. */
  readonly end?: Publication;
}

/** A channel's folded state. */
export interface LogSnapshot {
  readonly position: Position;
  /** Absent when the channel has no projection; its state is null, never undefined, while there is none. */
  readonly snapshot?: Snapshot;
  /** The entry that ended the log, at `position`. */
  readonly end?: Publication;
}

/**
 * The logs of all channels.
 *
 * A log begins on first use, with a new random epoch; when it disappears and begins again its epoch is
 * another. Every method rejects with `store_unavailable` when the store cannot answer, and then for
 * `append` it is unknown whether the entry was stored: retry with the same key.
 */
export interface ChannelLog {
  /**
   * Appends atomically: dedupe by key, next offset, random tag, store, fold into the projection, trim,
   * hand to the bus. Entries reach the bus in offset order, each with the tag of the one before it, so that a
   * log that lost its tail is not taken for one that goes on.
   *
   * With `policy.rollUp` the same step appends a copy to that log too: with its own position, the same event,
   * data, priority and time, no key, and `source`, the channel appended to. A duplicate makes no copy. So a store
   * that is divided by the hash of its keys must let a channel and its roll-up share one: that of the prefix,
   * which every method can tell from the policy or, for the roll-up itself, from its name.
   *
   * An entry `endEvent` ends the log, in the same atomic step: it is not folded, nor copied to a roll-up, and
   * whatever is appended later rejects with `ended`. But a known key still answers what it first made, and
   * a second end answers the first as a duplicate.
   */
  append(channel: string, entry: NewEntry, policy: LogPolicy): Promise<Appended>;
  /**
   * The entries with an offset greater than `afterOffset`, at most `limit`, oldest first, read at one
   * moment. When `afterOffset` is below the floor it starts at the oldest kept entry.
   */
  read(channel: string, afterOffset: number, limit: number, policy: LogPolicy): Promise<LogSlice>;
  /**
   * The entry that the publisher's key made, while the key is remembered; its data is "null" when it was
   * trimmed since.
   */
  find(
    channel: string,
    publisher: string,
    key: string,
    policy: LogPolicy,
  ): Promise<Publication | undefined>;
  /** Head and state, read at one moment. */
  snapshot(channel: string, policy: LogPolicy): Promise<LogSnapshot>;
  /** Forgets the log; the next one has another epoch. Copies in a roll-up stay. */
  purge(channel: string, policy: LogPolicy): Promise<void>;
  /** Frees timers and connections. */
  close(): Promise<void>;
}

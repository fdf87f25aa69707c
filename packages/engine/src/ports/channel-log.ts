import type { Position, Priority, Publication, Snapshot } from "@milepost/protocol";

/** Claim of an id in the data of an entry, such as the id of a chat's message, for the publisher of the entry. */
export interface IdClaim {
  /**
   * Id, at most 200 characters. Undefined for an entry whose data have none: it claims `@` and its offset, the id by
   * which projections know it.
   */
  readonly id: string | undefined;
  /** Lets the publisher use ids of others, as services may. An id that nobody has becomes its own all the same. */
  readonly anyOwner?: true;
}

/** Publication before the log stores it. */
export interface NewEntry {
  /** Name of the event. The protocol's `endEvent` makes the entry the last of its log. */
  readonly event: string;
  /** Data as JSON text, already validated. */
  readonly json: string;
  /** Priority, stored with the publication. */
  readonly priority?: Priority;
  /** Signature of the publisher, stored with the publication and delivered with it. */
  readonly sig?: string;
  /**
   * W3C trace context of the publish, 55 characters. The log stores it with the entry and with its copy in a roll-up, so
   * that a later delivery belongs to the trace too.
   */
  readonly traceparent?: string;
  /**
   * Claim of an id. The append rejects with `forbidden` and stores nothing where another publisher has used the id first,
   * and where the id begins with `@` and no entry has made it the publisher's.
   */
  readonly claim?: IdClaim;
  /** Dedupe key; unique per channel and publisher. */
  readonly key?: string;
  /**
   * Tag of the new entry's position: random, and never given to an append before. A caller that repeats an append
   * recognises by it an entry that one of its own earlier attempts stored. By default the log makes a tag.
   */
  readonly tag?: string;
  /** Tag of the copy in the roll-up's log, with the same promise as `tag`. By default the log makes a tag. */
  readonly rollUpTag?: string;
  /**
   * Marks an entry that a compaction of a compacted log writes. The bounds of the log do not apply to it. Other logs
   * ignore it.
   */
  readonly compaction?: Compaction;
  /**
   * Publisher that the key belongs to. The same key of another publisher is a different key. A log whose policy shows
   * publishers stores it with the entry, as {@link shownPublisher} writes it. The names of users, sessions and guests are
   * `[A-Za-z0-9_.~:-]+`.
   */
  readonly publisher: string;
}

/** Effect of an entry of a compaction on its log. */
export interface Compaction {
  /**
   * Position of the last entry that this one replaces, together with the entries of the same compaction before it. The
   * log drops the entries up to there in the step that appends this one.
   */
  readonly replaces?: Position;
}

/** Log that receives a copy of each entry appended to a channel below a prefix. */
export interface RollUp {
  /**
   * Number of leading segments of the channel's name that form the prefix; `rollUpName` derives the log's name
   * from them.
   */
  readonly segments: number;
  /** Policy of the roll-up's log, which has neither a projection nor a roll-up of its own. */
  readonly policy: LogPolicy;
}

/** Retention, dedupe window, projection and roll-up of a channel's log; derived from the channel's rule. */
export interface LogPolicy {
  /** Maximum number of entries kept. */
  readonly maxEntries: number;
  /**
   * Maximum number of bytes of the kept entries' data, as JSON in UTF-8; default 8 MiB. The newest entry stays
   * even if it alone is larger.
   */
  readonly maxBytes?: number;
  /**
   * Maximum age of an entry, in milliseconds. The log itself disappears once it was neither appended to nor
   * read for that long and remembers no key. A log that never had an entry disappears after five minutes at
   * most.
   */
  readonly maxAgeMs: number;
  /** Time a dedupe key is remembered, in milliseconds. */
  readonly dedupeMs: number;
  /** Name of the reducer that folds the log into its state, as `projectionNamed` of the model knows it. */
  readonly projection?: string;
  readonly rollUp?: RollUp;
  /**
   * Makes the log drop entries only when an entry replaces them, see `NewEntry.compaction`. An append that exceeds
   * `maxEntries` or `maxBytes` is rejected with `store_full`. The log as a whole still disappears after `maxAgeMs`. Such a
   * log has no projection.
   */
  readonly compacted?: true;
  /**
   * Makes the log store each entry's publisher with the entry, except that of its end. Without it, entries are stored
   * without one.
   */
  readonly showsPublisher?: true;
  /** Makes a node use a local log of its own during an outage of the store. Engines need not read it. */
  readonly goesOnLocally?: true;
  /** Makes a node append to the log, after an outage, what it has appended to its local log. Engines need not read it. */
  readonly isAppendedLater?: true;
}

/** Result of an append. */
export interface Appended {
  readonly publication: Publication;
  /**
   * True when nothing was created, because the key was known or the log had already ended. `publication` is
   * then the entry that the key or the end first made. The data of a key's entry is "null" when the entry has
   * been trimmed since.
   */
  readonly duplicate: boolean;
}

/** A contiguous part of a log. */
export interface LogSlice {
  /** Entries in offset order, without a gap. */
  readonly entries: readonly Publication[];
  /** Last position of the log when it was read. */
  readonly head: Position;
  /** Position right before the oldest kept entry; equals `head` when no entry is kept. */
  readonly floor: Position;
  /**
   * Entry that ended the log, at `head`. Present as long as the log exists, even after the entry is trimmed.
   */
  readonly end?: Publication;
  /** True when a node answered from its memory, because its store was away. Engines never set it. */
  readonly stale?: true;
}

/** Folded state of a channel and the position it belongs to. */
export interface LogSnapshot {
  readonly position: Position;
  /**
   * Folded state; absent when the channel has no projection. Its `state` is null, never undefined, while there
   * is none yet.
   */
  readonly snapshot?: Snapshot;
  /** Entry that ended the log, at `position`; absent when the log has not ended. */
  readonly end?: Publication;
  /** True when a node answered from its memory, because its store was away. Engines never set it. */
  readonly stale?: true;
}

/**
 * Logs of all channels.
 *
 * A log begins on first use, with a new random epoch; `find` and `peek` do not begin one. A log that disappeared begins again with another epoch.
 * Every method rejects with `store_unavailable` when the store cannot answer. After such a rejection of
 * `append` it is unknown whether the entry was stored: retry with the same key.
 */
export interface ChannelLog {
  /**
   * Appends atomically: dedupe by key, next offset, random tag, store, fold into the projection, trim, publish
   * on the bus. Entries reach the bus in offset order. Each carries the tag of the entry before it, so that
   * subscribers detect a log that lost its tail.
   *
   * With `policy.rollUp` the same step also appends a copy to the roll-up's log. The copy has its own position,
   * the same event, data, priority, signature, trace context and time, no key, and `source`, the channel appended to. It has the
   * publisher if the roll-up's own policy shows publishers. A duplicate makes no copy. A store that is sharded by the hash of its keys must therefore give a channel and its roll-up the
   * same hash tag: the prefix. Every method can derive the prefix from the policy or, for the roll-up itself,
   * from its name.
   *
   * An entry with a `claim` makes its id the publisher's, in the same step. The log remembers the owners of its ids as long as
   * it exists. It forgets an id only after as many other ids were used since as the policy keeps entries, and at least
   * 500. It remembers at most twice as many.
   *
   * Rejects with `store_full` and stores nothing when the store, or a compacted log, has no room for the entry. Rejects
   * with `not_possible_now` and stores nothing when a compacted log does not have the entry at `compaction.replaces`.
   *
   * An entry whose event is `endEvent` ends the log in the same atomic step. It is neither folded nor copied to
   * a roll-up. Later appends reject with `ended`, with two exceptions: a known key returns the entry it first
   * made, and a second end event returns the first one as a duplicate.
   */
  append(channel: string, entry: NewEntry, policy: LogPolicy): Promise<Appended>;
  /**
   * Returns up to `limit` entries with an offset greater than `afterOffset`, oldest first, read atomically.
   * When `afterOffset` is below the floor, the result starts at the oldest kept entry.
   *
   * The page ends early with the entry by which the data after its first entry reach `pageBytes` (256 KiB). So a
   * page that begins with a known entry has at least one entry after it, unless that entry is the head.
   */
  read(channel: string, afterOffset: number, limit: number, policy: LogPolicy): Promise<LogSlice>;
  /**
   * Returns the entry that the publisher's key made, while the key is remembered. The data is "null" when the
   * entry has been trimmed since.
   */
  find(
    channel: string,
    publisher: string,
    key: string,
    policy: LogPolicy,
  ): Promise<Publication | undefined>;
  /** Returns the log's last position and the channel's folded state, read atomically. */
  snapshot(channel: string, policy: LogPolicy): Promise<LogSnapshot>;
  /**
   * Returns what `snapshot` returns if the channel has a log, otherwise undefined. It never begins a log, so a
   * look at a name that nobody has used leaves nothing in the store.
   */
  peek(channel: string, policy: LogPolicy): Promise<LogSnapshot | undefined>;
  /**
   * Returns a state of the channel that this process has folded before, with its position, without asking the store.
   * It may be older than the log. Absent where the log is part of the process.
   */
  recall?(channel: string, policy: LogPolicy): LogSnapshot | undefined;
  /** Deletes a channel's log. The channel's next log has another epoch. Copies in a roll-up's log stay. */
  purge(channel: string, policy: LogPolicy): Promise<void>;
  /** Frees timers and connections. */
  close(): Promise<void>;
}

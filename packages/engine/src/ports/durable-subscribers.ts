import type { Position } from "@milepost/protocol";

/** Identity of a durable subscriber: its channel, its owner and the name it chose. */
export interface SubscriberKey {
  readonly channel: string;
  /** Owner, as `publisherOf` names it. The same name of another owner is another subscriber. */
  readonly owner: string;
  readonly name: string;
}

/** Delivery of an entry or a replay that is not acknowledged yet: attempts so far and time of the next step. */
export interface Delivery {
  /** Number of deliveries so far. */
  readonly attempts: number;
  /** Time of the next delivery, or of giving up, in milliseconds since 1970. */
  readonly dueAt: number;
  /** True while a delivery awaits its acknowledgement; false while the next delivery is awaited. */
  readonly isOut: boolean;
  /**
   * Reason of the last refusal. A refused entry has a retry of its own: acknowledging a later entry does not
   * settle it.
   */
  readonly refusal?: string;
}

/** An entry that was delivered and is not settled. */
export interface PendingEntry extends Delivery {
  readonly position: Position;
  /** Tag of the position right before this entry. */
  readonly previousTag: string;
}

/** Dead letter that is to be delivered to its subscriber again. */
export interface PendingReplay extends Delivery {
  /** Id of the dead letter. */
  readonly letter: string;
  /** Position of the dead letter's entry. */
  readonly position: Position;
}

/** Tags of consecutive positions. */
export interface TagRun {
  /** Offset of the first tag. */
  readonly first: number;
  readonly tags: readonly string[];
}

/** Progress of a durable subscriber. */
export interface DurableState {
  /** Number of saves since the latest claim. */
  readonly revision: number;
  /** Position up to which everything is settled: acknowledged, or moved to the dead-letter queue. */
  readonly acked: Position;
  /** Position up to which everything was delivered at least once. */
  readonly sent: Position;
  /**
   * Offset up to which entries after `sent` may have been delivered before. It matters only after a log lost so
   * many entries that none of the known tags are left; otherwise it is not greater than the offset of `sent`.
   */
  readonly repeatsTo: number;
  /**
   * Tags of the newest positions up to `sent`, in offset order. They tell which entries the subscriber knows in a
   * log that lost its newest entries.
   */
  readonly tags: readonly TagRun[];
  /** Entries between `acked` and `sent` that are not settled, in offset order. */
  readonly pending: readonly PendingEntry[];
  readonly replays: readonly PendingReplay[];
}

/** Changes that the holder made to a state since its last save. */
export interface DurableChange {
  /** Number of saves since the claim, without this one. */
  readonly revision: number;
  readonly acked: Position;
  readonly sent: Position;
  readonly repeatsTo: number;
  /** Runs of tags to add or replace, by their first offset. */
  readonly tags: readonly TagRun[];
  /** First offsets of the runs of tags to remove. */
  readonly forgotten: readonly number[];
  /** Entries to add or replace, by offset. */
  readonly pending: readonly PendingEntry[];
  /** Offsets of entries that are settled. */
  readonly settled: readonly number[];
  /** Replays to replace, by dead letter; those that no longer exist are skipped. */
  readonly replays: readonly PendingReplay[];
  /** Ids of the dead letters whose replay is finished. */
  readonly replayed: readonly string[];
}

/** A claim on a durable subscriber. */
export interface DurableClaim {
  /** Fence that proves the claim. It rises with every claim, and only the latest is valid. */
  readonly fence: number;
  /** True when this claim created the subscriber. */
  readonly isNew: boolean;
  readonly state: DurableState;
}

/**
 * Result of a save. `taken`: a later claim exists. `lost`: the store has no later claim, and forgot the caller's
 * claim or some of its saves. In both cases nothing was applied.
 */
export type Saved = "saved" | "taken" | "lost";

/** Limits on durable subscribers and their replays, and the time an unused subscriber is kept. */
export interface DurableBounds {
  readonly maxPerChannel: number;
  readonly maxReplays: number;
  /** Time a subscriber is kept after its last `claim`, `save`, `restore` or `look`, in milliseconds. */
  readonly keepMs: number;
}

/**
 * State of durable subscribers, each held by one connection at a time.
 *
 * Each method is atomic and concerns one channel. All reject with `store_unavailable` when the store cannot
 * answer. It is then unknown whether the call took effect. Repeating it is harmless, except that a repeated
 * `claim` takes a higher fence.
 */
export interface DurableSubscribers {
  /**
   * Takes the subscriber over from its holder, or creates it with everything up to `start` settled. Undefined
   * when the channel already has `maxPerChannel` subscribers.
   */
  claim(
    key: SubscriberKey,
    start: Position,
    bounds: DurableBounds,
  ): Promise<DurableClaim | undefined>;
  /**
   * Applies a change if `fence` is that of the latest claim and the store has all saves before this one. A save
   * that is repeated after its answer was lost may resolve with `lost`: then restore the whole state.
   */
  save(
    key: SubscriberKey,
    fence: number,
    change: DurableChange,
    bounds: DurableBounds,
  ): Promise<Saved>;
  /**
   * Writes the whole state of the subscriber's holder, when the store lost the holder's claim or some of its
   * saves, or when the answer to a save was lost. That claim is then the latest again. A replay that was requested
   * under this claim stays. Resolves with true once the store has the state. Resolves with false when there is a
   * later claim, or the channel already has `maxPerChannel` subscribers.
   */
  restore(
    key: SubscriberKey,
    fence: number,
    state: DurableState,
    bounds: DurableBounds,
  ): Promise<boolean>;
  /**
   * Returns the requested replays if `fence` is that of the latest claim and `revision` that of its latest save;
   * otherwise `taken` or `lost`, as `save` does.
   */
  look(
    key: SubscriberKey,
    fence: number,
    revision: number,
    bounds: DurableBounds,
  ): Promise<readonly PendingReplay[] | Exclude<Saved, "saved">>;
  /**
   * Adds a replay, unless the subscriber already has one for that dead letter. `unknown`: there is no such
   * subscriber. `full`: it already has `maxReplays` replays.
   */
  replay(
    key: SubscriberKey,
    replay: PendingReplay,
    bounds: DurableBounds,
  ): Promise<"added" | "unknown" | "full">;
  /** Returns the current state, whichever node holds the subscriber; undefined when there is no such subscriber. */
  get(key: SubscriberKey): Promise<DurableState | undefined>;
}

import type { Position } from "@milepost/protocol";

/** Names one durable subscriber: of a channel, of who owns it, by the name it chose. */
export interface SubscriberKey {
  readonly channel: string;
  /** Whose it is, as `publisherOf` says it; the same name of another owner is another subscriber. */
  readonly owner: string;
  readonly name: string;
}

/** How often something was delivered that nobody has acknowledged yet, and what comes next. */
export interface Delivery {
  /** Deliveries so far. */
  readonly attempts: number;
  /** When it is delivered again or given up, in milliseconds since 1970. */
  readonly dueAt: number;
  /** Whether a delivery waits for its acknowledgement; otherwise it waits for its next delivery. */
  readonly isOut: boolean;
  /** Why it was refused last. What was refused once has its own retry: no later ack settles it. */
  readonly refusal?: string;
}

/** An entry that was delivered and is not settled. */
export interface PendingEntry extends Delivery {
  readonly position: Position;
  /** The tag of the position right before it. */
  readonly previousTag: string;
}

/** A dead letter on its way to its subscriber again. */
export interface PendingReplay extends Delivery {
  /** The id of the letter. */
  readonly letter: string;
  /** The place of its entry. */
  readonly position: Position;
}

/** Where a durable subscriber is. */
export interface DurableState {
  /** Everything up to here is settled: acknowledged, or in the dead letters. */
  readonly acked: Position;
  /** Everything up to here was delivered at least once. */
  readonly sent: Position;
  /** What lies between the two and is not settled, by offset. */
  readonly pending: readonly PendingEntry[];
  readonly replays: readonly PendingReplay[];
}

/** What its holder did to a state since it last said so. */
export interface DurableChange {
  readonly acked: Position;
  readonly sent: Position;
  /** Added or replaced, by offset. */
  readonly pending: readonly PendingEntry[];
  /** The offsets of entries that are settled. */
  readonly settled: readonly number[];
  /** Replaced, by letter, where it is still there. */
  readonly replays: readonly PendingReplay[];
  /** The letters whose replay is over. */
  readonly replayed: readonly string[];
}

/** A claim on a durable subscriber. */
export interface DurableClaim {
  /** Proves it: it rises with every claim, and only the latest counts. */
  readonly fence: number;
  /** Whether this claim made the subscriber. */
  readonly isNew: boolean;
  readonly state: DurableState;
}

/**
 * What became of a save: `taken` when a later claim is known, `lost` when none as late as the caller's is, since the store
 * forgot it; then nothing was applied.
 */
export type Saved = "saved" | "taken" | "lost";

/** How many there may be, and how long one is kept that nobody claims. */
export interface DurableBounds {
  readonly maxPerChannel: number;
  readonly maxReplays: number;
  /** After the last claim, save or look, in milliseconds. */
  readonly keepMs: number;
}

/**
 * The state of durable subscribers, each held by one connection at a time.
 *
 * Each method is atomic and concerns one channel. All reject with `store_unavailable` when the store cannot
 * answer; then it is unknown whether the call took effect, and repeating it is harmless, but for a `claim`, which
 * takes a higher fence.
 */
export interface DurableSubscribers {
  /**
   * Takes the subscriber over from whoever holds it, or makes it with everything up to `start` settled. Undefined
   * when the channel has as many as it may have.
   */
  claim(
    key: SubscriberKey,
    start: Position,
    bounds: DurableBounds,
  ): Promise<DurableClaim | undefined>;
  /** Applies a change of who holds the latest claim. */
  save(
    key: SubscriberKey,
    fence: number,
    change: DurableChange,
    bounds: DurableBounds,
  ): Promise<Saved>;
  /**
   * Makes the subscriber again, as who held the latest claim has it, where the store lost that claim, which then is the
   * latest again; false where somebody has claimed it since, or the channel has as many as it may have.
   */
  restore(
    key: SubscriberKey,
    fence: number,
    state: DurableState,
    bounds: DurableBounds,
  ): Promise<boolean>;
  /** The replays that were asked for, where the fence is the latest. */
  look(
    key: SubscriberKey,
    fence: number,
    bounds: DurableBounds,
  ): Promise<readonly PendingReplay[] | Exclude<Saved, "saved">>;
  /**
   * Adds a replay, unless one of the letter is there already. `unknown` when there is no such subscriber, `full` when it
   * has as many as it may have.
   */
  replay(
    key: SubscriberKey,
    replay: PendingReplay,
    bounds: DurableBounds,
  ): Promise<"added" | "unknown" | "full">;
  /** The state as it is, whoever holds it; undefined when there is no such subscriber. */
  get(key: SubscriberKey): Promise<DurableState | undefined>;
}

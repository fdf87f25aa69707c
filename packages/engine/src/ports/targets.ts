/** Longest owner or id of a target, in characters. */
export const maxTargetName = 1_024;
/** Longest value of a target, in characters. */
export const maxTargetValue = 16_384;

/** Bounds of the targets of one owner. */
export interface TargetBounds {
  /** Number of targets that an owner may have. */
  readonly maxTargets: number;
  /** Time for which a target is kept after it was last put, in milliseconds. */
  readonly keepMs: number;
  /** True to put the target only if the owner still has one with its id; default false. */
  readonly isRenewal?: boolean;
}

/** Place at which somebody who is away is reached. */
export interface Target {
  readonly id: string;
  readonly value: string;
}

/**
 * Places at which people who are away are reached, by owner and shared by all nodes: the push subscriptions of a user,
 * and webhooks.
 *
 * Owners and ids may be any text. Every method is atomic and rejects with `store_unavailable` when the store cannot
 * answer.
 */
export interface Targets {
  /**
   * Adds a target, or replaces the one with its id. Resolves with false, and changes nothing, when the owner has
   * `maxTargets` others, and for a renewal when it has none with this id.
   *
   * Rejects with `bad_message` for a name or value that is too long, and with `rate_limited` when the store has as
   * many owners as it may.
   */
  put(owner: string, target: Target, bounds: TargetBounds): Promise<boolean>;
  /** Lists the targets of an owner in the order of their ids. */
  list(owner: string): Promise<readonly Target[]>;
  /** Removes a target. Resolves with false when there was none. */
  remove(owner: string, id: string): Promise<boolean>;
}

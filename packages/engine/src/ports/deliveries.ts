/** Longest id of a delivery, in characters. */
export const maxDeliveryId = 512;
/** Longest content of a delivery, in characters. */
export const maxDeliveryContent = 32_768;

/** Bounds of the deliveries of a deployment. */
export interface DeliveryBounds {
  /** Number of deliveries that may wait at a time. */
  readonly maxWaiting: number;
  /** Time for which the id of a finished delivery is remembered, in milliseconds. */
  readonly keepMs: number;
}

/** Delivery that one node has taken, to attempt it. */
export interface TakenDelivery {
  readonly id: string;
  readonly content: string;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** Identity of this attempt; it settles the delivery unless another node has taken it since. */
  readonly claim: string;
}

/** Delivery that waits, as administrators see it. */
export interface WaitingDelivery {
  readonly id: string;
  readonly content: string;
  /** Number of attempts so far. */
  readonly attempts: number;
  /** Time until it is due, in milliseconds; 0 or less if it is overdue. */
  readonly dueInMs: number;
  /** True while a node attempts it. */
  readonly isTaken: boolean;
}

/** Further attempt at a delivery. */
export interface FurtherAttempt {
  /** Time until the delivery is due again, in milliseconds. */
  readonly dueInMs: number;
  /** Content in place of the one before, which then counts its attempts from 1. */
  readonly content?: string;
}

/**
 * Deliveries to people who are away, shared by all nodes: each waits until it is due, is taken by one node at a time,
 * and is attempted until a node finishes it.
 *
 * A node that dies in the middle of an attempt loses nothing: the delivery is due again once the node's lease of it
 * has ended. Every method is atomic and rejects with `store_unavailable` when the store cannot answer.
 */
export interface Deliveries {
  /**
   * Adds a delivery that is due in `dueInMs` milliseconds. Resolves with false, and changes nothing, when one with
   * this id waits or was finished less than `keepMs` milliseconds ago.
   *
   * Rejects with `bad_message` for an id or a content that is too long, and with `rate_limited` while `maxWaiting`
   * deliveries wait.
   */
  add(id: string, content: string, dueInMs: number, bounds: DeliveryBounds): Promise<boolean>;
  /** Takes up to `limit` deliveries that are due, the longest overdue first, each for `leaseMs` milliseconds. */
  take(limit: number, leaseMs: number): Promise<readonly TakenDelivery[]>;
  /**
   * Ends an attempt: the delivery is finished, or waits for the further attempt. Resolves with false, and changes
   * nothing, when another node has taken the delivery since, or finished it.
   */
  settle(
    delivery: Pick<TakenDelivery, "id" | "claim">,
    further: FurtherAttempt | undefined,
    bounds: DeliveryBounds,
  ): Promise<boolean>;
  /**
   * Lists up to `limit` deliveries that wait, the next due first, after leaving out the first `skip` (default 0). One that is
   * being attempted is due when its lease ends.
   */
  list(limit: number, skip?: number): Promise<readonly WaitingDelivery[]>;
  /** Makes a delivery due at once. Resolves with false if none with this id waits, or it is being attempted. */
  hasten(id: string): Promise<boolean>;
  /** Resolves with the number of deliveries that wait, those that are being attempted included. */
  count(): Promise<number>;
}

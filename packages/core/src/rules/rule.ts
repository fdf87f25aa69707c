import type { Priority, StandardSchema } from "@milepost/protocol";

/** Who may do something on the channels of a rule. */
export type Access =
  /** Anyone with a valid credential. */
  | "authenticated"
  /** Only services, and users whose token grants it. */
  | "granted"
  /** The user whose `sub` is what the pattern captured as `user`. */
  | "own-user"
  /** The session whose `sid` is what the pattern captured as `session`. */
  | "own-session"
  /** To subscribe: the connection whose id is what the pattern captured as `connection`. */
  | "own-connection"
  /** The user or the session of the operation captured as `operation`. */
  | "operation-owner"
  /** Nobody but the gateway itself. */
  | "nobody";

/** How a channel's log folds into its state. */
export type ProjectionSpec =
  | { readonly name: "latest" }
  | { readonly name: "text" }
  | { readonly name: "operation" }
  /** Joins the pieces of a chat's messages; keeps the latest 200. */
  | { readonly name: "chat" }
  /** Keeps the latest of each task, agent and calendar event. */
  | { readonly name: "dashboard" }
  /** Keeps the latest data per value of the data's field `by`; at most 100 keys, the oldest go. */
  | { readonly name: "keyed"; readonly by: string };

/**
 * What may be done to entries that wait for a slow reader; a reader that keeps up gets all as they are.
 *
 * `lifecycle`: nothing. `ephemeral`: all but the newest of the channel may be dropped. `state`: of several with the same
 * value of the data's field `by` the latest stands for all; without `by`, of several of the same event.
 * `text`: neighbours are concatenated. `patch`: neighbours are merge patches (RFC 7396) and are composed.
 * `report`: neighbours are reports of an operation and become one that folds to the same state.
 */
export type MergeClass =
  | "lifecycle"
  | "ephemeral"
  | "state"
  | "text"
  | "patch"
  | "report"
  | { readonly class: "state"; readonly by: string };

/** How much may be published to a channel. */
export interface PublishRate {
  /** On average, in publishes a second; may be a fraction. */
  readonly perSecond: number;
  /** At once, after a pause; what one second brings when absent, 1 at least. */
  readonly burst?: number;
}

/** How long delivery to a durable subscriber repeats before an entry goes to the dead letters. */
export interface DurableRule {
  /** How long the first delivery waits for its acknowledgement, in milliseconds; 30,000. Each further one waits twice as long. */
  readonly ackWaitMs?: number;
  /** Deliveries of one entry; 5. */
  readonly maxAttempts?: number;
  /** How long after it was appended an entry is still delivered, in milliseconds; a day. */
  readonly maxAgeMs?: number;
}

/**
 * What holds for the channels that match a pattern.
 *
 * Rules are data; the first that matches a name wins. A service may always subscribe and publish, but
 * for `nobody`.
 */
export interface Rule {
  /** Segments joined by `:`; `{name}` captures one segment, a last `*` stands for one or more. */
  readonly pattern: string;
  readonly subscribe: Access;
  readonly publish: Access;
  readonly retention: { readonly maxEntries: number; readonly maxAgeMs: number };
  readonly projection?: ProjectionSpec;
  /**
   * Whether one can see who is there: `members` by name, `count` only how many; not offered when absent. Whoever may
   * subscribe sees it.
   */
  readonly presence?: "members" | "count";
  /** Which channels go first to a slow reader that has several waiting; `normal` when absent. */
  readonly priority?: Priority;
  /**
   * What is published to these channels is also appended, in the same step, to the log of the pattern's prefix,
   * which one can then read as a whole: with `collection:{collection}:*`, `collection:42:*` has everything of
   * collection 42 in one order. `true` is for patterns that end with `:*`; that log is kept as long, and has no
   * projection. A rule for some of those channels that comes before joins in by naming that pattern; who may read
   * the whole then reads them, whatever it says of them alone.
   */
  readonly rollUp?: true | string;
  /** How many publishes to one of the channels a node takes; more are `rate_limited`. */
  readonly rate?: PublishRate;
  /**
   * What the data of each event must be, by its name, `*` for all others; anything when absent. A publish that
   * does not fit is `invalid_data`. Data are stored as they were sent, whatever a schema makes of them.
   */
  readonly schema?: Readonly<Record<string, StandardSchema>>;
  /** What holds for the channel's durable subscribers; all has defaults. */
  readonly durable?: DurableRule;
  /**
   * How long publications are collected before they go out together, in milliseconds, for streams of many small ones;
   * a batch that is full goes at once. Absent: to the end of the tick.
   */
  readonly batchMs?: number;
  /**
   * What becomes of publishes while the store is away. `refuse`, when absent: they are `store_unavailable` at once.
   * `spool`: the node keeps as many as it may, in order, and answers each when it is stored or has waited 30 s.
   * `local`: they go to the channel's readers at the same node and are forgotten when the store is back; for what is
   * only worth something now. Such a channel has no projection, roll-up or durable subscribers.
   */
  readonly outage?: "refuse" | "spool" | "local";
  /** The merge class of each event by name, `*` for all others; `lifecycle` when absent. */
  readonly merge?: Readonly<Record<string, MergeClass>>;
}

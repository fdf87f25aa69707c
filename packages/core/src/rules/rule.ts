import type { PrivateSummaryField } from "@milepost/model";
import type { Priority, StandardSchema } from "@milepost/protocol";
import type { Access } from "./access.ts";

/** Projection that folds a channel's log into its state. */
export type ProjectionSpec =
  | { readonly name: "latest" }
  | { readonly name: "text" }
  | { readonly name: "operation" }
  /** Joins the chunks of a chat's messages; keeps the latest 200 messages. */
  | { readonly name: "chat" }
  /** Keeps the latest data of each task, agent and calendar event. */
  | { readonly name: "dashboard" }
  /** Keeps the operations of a person, and the latest of what was published for that person. */
  | { readonly name: "personal" }
  /** Keeps the newest items of an inbox and its numbers. Only the gateway's own rule uses it. */
  | { readonly name: "inbox" }
  /**
   * Keeps the latest data per value of the data's field `by`, for at most 100 values; the oldest are dropped.
   */
  | { readonly name: "keyed"; readonly by: string };

/**
 * Merge class: what may happen to entries that wait for a slow subscriber. A subscriber that keeps up receives
 * all entries unchanged.
 *
 * - `lifecycle`: entries are never merged or dropped.
 * - `ephemeral`: an entry may be dropped when a later entry of the channel waits.
 * - `state`: of several entries of the same event only the latest stays. With `by`, only those with the same
 *   value of the data's field `by` replace each other.
 * - `text`: neighbouring entries of the same event are concatenated.
 * - `patch`: neighbouring entries of the same event are merge patches (RFC 7396) and are composed.
 * - `report`: neighbouring reports of an operation become one report that folds to the same state.
 */
export type MergeClass =
  | "lifecycle"
  | "ephemeral"
  | "state"
  | "text"
  | "patch"
  | "report"
  | { readonly class: "state"; readonly by: string };

/** Limit on a rate of publishes. */
export interface PublishRate {
  /** Average number of publishes per second; may be a fraction. */
  readonly perSecond: number;
  /**
   * Maximum number of publishes in a burst after a pause. Default: the whole number of publishes in one second,
   * at least 1.
   */
  readonly burst?: number;
}

/** Limits on the rate of publishes to the channels of a rule. */
export interface RuleRate extends PublishRate {
  /**
   * Limit of one user, session or group of anonymous clients on its publishes to all channels of the rule together.
   * Default: the limit of one channel. Services have no such limit.
   */
  readonly perPrincipal?: PublishRate;
}

/** Limits of repeated delivery to a durable subscriber, after which an entry moves to the dead-letter queue. */
export interface DurableRule {
  /**
   * Time that the first delivery waits for its acknowledgement, in milliseconds. Default: 30,000. The wait
   * doubles with each further delivery, up to 5 minutes or this value if it is longer.
   */
  readonly ackWaitMs?: number;
  /** Maximum number of deliveries of one entry. Default: 5. */
  readonly maxAttempts?: number;
  /**
   * Maximum age at which an entry is still delivered, in milliseconds since it was appended. Default: 24 hours.
   */
  readonly maxAgeMs?: number;
}

/** Content of a presence list: the members by name, or only their number. */
export type PresenceDetail = "members" | "count";

/** Presence list with its own access. */
export interface PresenceRule {
  readonly show: PresenceDetail;
  /** Principals that may be present and see the list. They must also be allowed to subscribe. */
  readonly access: Access;
}

/** Bounds of a channel's log. It keeps the entries within all three; the oldest are trimmed first. */
export interface Retention {
  readonly maxEntries: number;
  /** Maximum age of an entry, in milliseconds. */
  readonly maxAgeMs: number;
  /** Maximum bytes of the entries' data, as JSON in UTF-8; default 8 MiB. The newest entry always stays. */
  readonly maxBytes?: number;
}

/** Ways to handle publishes while the store is unavailable. */
export const outageModes = ["refuse", "spool", "local", "local-then-spool"] as const;

/** Way to handle publishes while the store is unavailable. */
export type OutageMode = (typeof outageModes)[number];

/**
 * Rule for the channels that match a pattern.
 *
 * Rules are data; the first one that matches a name applies. A service may always subscribe and publish, except
 * where the access is `nobody`.
 */
export interface Rule {
  /** Segments joined by `:`; `{name}` captures one segment, a last `*` stands for one or more. */
  readonly pattern: string;
  readonly subscribe: Access;
  readonly publish: Access;
  readonly retention: Retention;
  readonly projection?: ProjectionSpec;
  /**
   * Name of the compactor that keeps the channels' logs short. Such a log forgets nothing by its own: a compaction
   * replaces its entries by few that say the same. Until then, a publish that exceeds the retention's `maxEntries` or
   * `maxBytes` is `store_full`. The channels have no projection.
   */
  readonly compact?: string;
  /**
   * Presence list of the channels: `members` by name, or only their `count`; none when absent. Everyone who may
   * subscribe to a channel may be present and see the list, unless `access` says otherwise.
   */
  readonly presence?: PresenceDetail | PresenceRule;
  /**
   * Principals that may read entries and the state from before they subscribed. Default: as for `subscribe`. A
   * subscriber without this access receives what is published from then on.
   */
  readonly history?: Access;
  /**
   * Fields of the data that must have the publisher's own values, by path: `{"userId": "{sub}"}`. `{sub}` stands for its
   * user, `{sid}` for its session, `{guest}` for its guest, and any other name for that claim of its token. Services
   * are bound to nothing.
   */
  readonly bind?: Readonly<Record<string, string>>;
  /**
   * Principals that may speak in each role of a chat, by role; `*` for all other roles. It applies to the field `role` of
   * `chat_message` and `chat_message_chunk`; a chunk without one is the assistant's. Services may speak in every role.
   * Absent: so may everyone who may publish.
   */
  readonly roles?: Readonly<Record<string, Access>>;
  /**
   * Ids in the data that belong to their author, by event name: `{"chat_message": "id"}`, or several fields of which an event
   * has one. The first publisher of an id in a channel is its author; an event of anybody else with that id is `forbidden`.
   * All events share their ids. Services may use every id. An event without an id has `@` and its offset, except with
   * the projection `text`, where it must have one.
   */
  readonly bindIds?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Shows readers the verified publisher of each entry: `user:{id}`, `session:{id}`, `guest:{id}` or `service:{name of its
   * key}`. Default: readers do not learn it. A roll-up shows publishers if the rule of the roll-up does.
   */
  readonly showPublisher?: boolean;
  /**
   * Private fields in the summaries of the operations that belong to a channel: `user_id`, `session_id`, and `error` for the
   * error's text. Default: none of them.
   */
  readonly summaryFields?: readonly PrivateSummaryField[];
  /** Principals that may end a channel. Default: as for `publish`. */
  readonly end?: Access;
  /**
   * Principals that may command the operation; only for the pattern `operation:{operation}`, see
   * {@link operationRule}. Default: `operation-owner`.
   */
  readonly command?: Access;
  /** Priority of the channel for a slow subscriber with several waiting channels. Default: `normal`. */
  readonly priority?: Priority;
  /**
   * Roll-up of all channels below the pattern's prefix. Each entry of these channels is also appended, in the
   * same step, to one log for the prefix, which can be read as a channel. For example, with
   * `collection:{collection}:*`, the channel `collection:42:*` has all entries of collection 42 in one order.
   *
   * `true` requires a pattern that ends with `:*`. The roll-up's log has the same retention and no projection.
   * An earlier rule for some of those channels can add its channels to the roll-up by setting `rollUp` to that
   * pattern. Everyone who may read the roll-up can then read the entries of those channels in it, even if their
   * own rule forbids it.
   */
  readonly rollUp?: true | string;
  /**
   * Limits on publishes at one node: to each of the channels, and of each publisher to all of them. Further publishes
   * are `rate_limited`.
   */
  readonly rate?: RuleRate;
  /**
   * Time after which a connection is closed because its client did nothing but send and answer pings, in milliseconds.
   * It applies once the rules of all channels that the connection subscribes to set such a time; the longest counts.
   * Default: a subscriber may do nothing for as long as it likes.
   */
  readonly idleTimeoutMs?: number;
  /**
   * Schemas of event data by event name, `*` for all other events; any data are accepted when absent. A publish
   * whose data do not match is `invalid_data`. Data are stored as sent, not as a schema transforms them.
   */
  readonly schema?: Readonly<Record<string, StandardSchema>>;
  /**
   * Requires encrypted data, see `Encryption` of the protocol: `true` for the whole data of each event, or the names of
   * the fields that must be encrypted where an event has them. Other publishes are `invalid_data`. Absent: the rule
   * accepts plain and encrypted data. Schemas, merging by a field and projections see only the envelopes.
   */
  readonly encrypted?: true | readonly string[];
  /** Delivery limits of the channel's durable subscribers; every field has a default. */
  readonly durable?: DurableRule;
  /**
   * Time during which publications are collected before they are sent together, in milliseconds, 1–1,000.
   * Useful for channels with many small publications. A full batch is sent at once. Default: until the end of
   * the tick.
   */
  readonly batchMs?: number;
  /**
   * Handling of publishes while the store is unavailable.
   *
   * - `refuse`, the default: publishes fail at once with `store_unavailable`. A rule whose events are all `ephemeral`
   *   (`merge: {"*": "ephemeral"}`), without a projection, roll-up or durable subscribers, is `local` by default.
   * - `spool`: the node queues publishes in order, up to a bound. Each is answered when it is stored or has
   *   waited 30 s. Publishes above the bound fail at once with `store_unavailable`.
   * - `local`: publishes reach only the channel's subscribers on the same node and are discarded when the store
   *   is back. Use it for data that matter only at the moment. Such a channel has no projection, roll-up or
   *   durable subscribers.
   * - `local-then-spool`: publishes reach the channel's subscribers on the same node at once, wait in the spool, and are
   *   appended when the store is back. Each subscriber sees them once. Such a channel has no projection. A node that
   *   ends during the outage loses what waits.
   */
  readonly outage?: OutageMode;
  /** Merge class of each event by name, `*` for all other events. Default: `lifecycle`. */
  readonly merge?: Readonly<Record<string, MergeClass>>;
}

import type { QuestionFact } from "./question-records.ts";
import type { QueueFact } from "./queue-records.ts";

/** Channel of the run: its retention, projection and writer. */
export interface ChannelRecord {
  readonly type: "channel";
  readonly channel: string;
  readonly max_entries: number;
  readonly max_age_ms: number;
  readonly projection: string | null;
  /** Source of the channel's entries: recorded publishes only, or also the gateway. */
  readonly written_by: "publishers" | "gateway";
}

/** First record of a journal: its version, seed and limits. */
export interface BeginRecord {
  readonly type: "begin";
  readonly version: 1;
  readonly seed: number;
  readonly limits: {
    readonly max_replay_entries: number;
    readonly max_outbox_bytes: number;
    readonly dedupe_ms: number;
  };
}

/**
 * Request to store an entry. Attempts of one publish share `publisher` and `n`. Publishes of one `line` must be
 * stored in the order in which they were requested; different lines have no order between them.
 */
export interface PublishRecord {
  readonly type: "publish";
  readonly publisher: string;
  readonly n: number;
  readonly line: string;
  readonly attempt: number;
  readonly channel: string;
  readonly key: string;
  readonly event: string;
  readonly hash: string;
  /** Fence of the lease that the publisher reports with. */
  readonly fence?: number;
}

/** Outcome of a publish, as its publisher learned it. */
export interface PublishedRecord {
  readonly type: "published";
  readonly publisher: string;
  readonly n: number;
  readonly attempt: number;
  readonly outcome: "stored" | "failed" | "unknown";
  readonly position?: string;
  readonly duplicate?: boolean;
  readonly code?: string;
}

/** Entry that the store accepted, recorded in the order of its log. */
export interface EntryRecord {
  readonly type: "entry";
  readonly channel: string;
  readonly position: string;
  readonly owner: string;
  readonly key?: string;
  readonly event: string;
  readonly hash: string;
}

/** First sight of a log with this epoch. */
export interface LifeRecord {
  readonly type: "life";
  readonly channel: string;
  readonly epoch: string;
}

/** Request of a subscriber for a channel; `since` is the position it holds, or a word such as `start`. */
export interface SubscribeRecord {
  readonly type: "subscribe";
  readonly subscriber: string;
  readonly channel: string;
  readonly since?: string;
  readonly events?: readonly string[];
  /** False when the subscriber's credential does not allow the channel. */
  readonly allowed?: boolean;
}

/** Start of a subscription. */
export interface SubscribedRecord {
  readonly type: "subscribed";
  readonly subscriber: string;
  readonly position: string;
  /**
   * True when the subscriber resumed without loss. Absent when it does not learn this: an SDK continues from
   * its position, or reports a gap.
   */
  readonly recovered?: boolean;
  /** True when the node answered from its memory, because it could not reach its store. */
  readonly stale?: boolean;
  readonly reason?: string;
  /** Hash of the state in the answer. */
  readonly state?: string;
}

/** Notice to a subscriber that its subscription waits for the operation of its channel. */
export interface PendingRecord {
  readonly type: "pending";
  readonly subscriber: string;
}

/** Delivery of an entry to a subscriber. */
export interface DeliveryRecord {
  readonly type: "delivery";
  readonly subscriber: string;
  readonly position: string;
  readonly event: string;
  readonly hash: string;
}

/** Notice to a subscriber that some entries will not arrive. */
export interface GapRecord {
  readonly type: "gap";
  readonly subscriber: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

/** State that a subscriber received instead of entries. */
export interface ResetRecord {
  readonly type: "reset";
  readonly subscriber: string;
  readonly position: string;
  readonly reason: string;
  readonly state: string;
}

/** End of a subscription, by the subscriber or by the gateway; nothing is expected for it any more. */
export interface LeftRecord {
  readonly type: "left";
  readonly subscriber: string;
}

/** Acceptance of a socket by a node. */
export interface OpenedRecord {
  readonly type: "opened";
  readonly connection: string;
  readonly node: string;
  /**
   * Expiry of the credential by the wall clock, in milliseconds; absent when the credential does not expire.
   */
  readonly expires_at?: number;
}

/** Renewal of the credential of an open socket. */
export interface RenewedRecord {
  readonly type: "renewed";
  readonly connection: string;
  readonly expires_at: number;
}

/** End of a socket: the node or the client closed it, or the network broke it. */
export interface ClosedRecord {
  readonly type: "closed";
  readonly connection: string;
  readonly code: number;
  readonly by: "node" | "network" | "client";
  /** Largest number of bytes that ever waited in the node's transport. */
  readonly peak_bytes: number;
}

/** Offset of the wall clock from the journal's own time, in milliseconds. */
export interface WallRecord {
  readonly type: "wall";
  readonly offset_ms: number;
}

/** Fault that was injected on purpose. */
export interface FaultRecord {
  readonly type: "fault";
  readonly fault: string;
  readonly phase: "start" | "stop" | "once";
  readonly channel?: string;
  readonly node?: string;
  /** Last offset that remains; only with `tail_lost`. */
  readonly offset?: number;
}

/** Moment from which all faults are over and nothing new is requested. */
export interface HealedRecord {
  readonly type: "healed";
  /** Time until every subscriber must be at the head, in milliseconds. */
  readonly within_ms: number;
}

/** Content of a log at the end. */
export interface DumpRecord {
  readonly type: "dump";
  readonly channel: string;
  readonly head: string;
  readonly entries: readonly { readonly position: string; readonly hash: string }[];
}

/** Resources that an owner still holds although it should have released them. */
export interface BaselineRecord {
  readonly type: "baseline";
  readonly owner: string;
  readonly connections: number;
  readonly subscriptions: number;
  readonly timers: number;
}

/** Piece of work and its phase; with `taken` another producer reports on it from then on. */
export interface WorkRecord {
  readonly type: "work";
  readonly operation: string;
  readonly phase: "begun" | "taken" | "ended" | "done" | "crashed";
  readonly lease_ms?: number;
  /** Session that the work belongs to; only with `begun`. */
  readonly session?: string;
}

/** Lease that the store issued; the records are in the order in which the leases were issued. */
export interface LeaseRecord {
  readonly type: "lease";
  readonly channel: string;
  readonly fence: number;
}

/** Command that a user sent to a piece of work. */
export interface CommandRecord {
  readonly type: "command";
  readonly operation: string;
  readonly user: string;
  readonly key: string;
  readonly command: string;
  /** Id of the command that was made; absent when the command was refused or its outcome is unknown. */
  readonly command_id?: string;
  readonly code?: string;
}

/** Start or end of a reader's connection to a session's feed. */
export interface FeedRecord {
  readonly type: "feed";
  readonly reader: string;
  readonly phase: "opened" | "closed";
  readonly session?: string;
}

/** Document that arrived over a feed. */
export interface DocumentRecord {
  readonly type: "document";
  readonly reader: string;
  readonly operation: string;
  readonly sequence: number;
  readonly status: string;
}

/** Final state of an operation. */
export interface OperationRecord {
  readonly type: "operation";
  readonly operation: string;
  readonly status: string;
  readonly commands?: readonly { readonly id: string; readonly phase: string }[];
}

/** Start of a durable subscriber, right after `position`; at the beginning of the log without one. */
export interface DurableRecord {
  readonly type: "durable";
  readonly subscriber: string;
  readonly channel: string;
  readonly position?: string;
  readonly max_attempts: number;
}

/**
 * Delivery of an entry to the holder of a durable subscriber; `replayed` when it came out of the dead-letter
 * queue.
 */
export interface HandedRecord {
  readonly type: "handed";
  readonly subscriber: string;
  readonly position: string;
  readonly attempt: number;
  readonly replayed?: true;
}

/** Outcome of an ack or nack: saved or refused; `unknown` when the connection ended before the answer. */
export interface AckedRecord {
  readonly type: "acked";
  readonly subscriber: string;
  readonly kind: "ack" | "nack";
  readonly position: string;
  readonly outcome: "saved" | "refused" | "unknown";
}

/**
 * Dead letter found at the end; with `since` it stands for all entries after that position, up to `position`.
 */
export interface LetterRecord {
  readonly type: "letter";
  readonly subscriber: string;
  readonly position: string;
  readonly since?: string;
}

/** Final state of a durable subscriber, as the gateway reports it. */
export interface DurableEndRecord {
  readonly type: "durable_end";
  readonly subscriber: string;
  readonly sent: string;
  readonly pending: readonly {
    readonly position: string;
    readonly attempts: number;
    readonly due_in_ms: number;
  }[];
  /** True when a client holds the subscriber, so that entries that are due must be delivered. */
  readonly is_held: boolean;
}

/** Last record of a journal; a journal without it is cut off. */
export interface EndRecord {
  readonly type: "end";
}

/** Any fact that a journal can record. */
export type Fact =
  | BeginRecord
  | ChannelRecord
  | PublishRecord
  | PublishedRecord
  | EntryRecord
  | LifeRecord
  | SubscribeRecord
  | SubscribedRecord
  | DeliveryRecord
  | PendingRecord
  | GapRecord
  | ResetRecord
  | LeftRecord
  | OpenedRecord
  | RenewedRecord
  | ClosedRecord
  | WallRecord
  | FaultRecord
  | HealedRecord
  | DumpRecord
  | BaselineRecord
  | WorkRecord
  | LeaseRecord
  | CommandRecord
  | FeedRecord
  | DocumentRecord
  | OperationRecord
  | DurableRecord
  | HandedRecord
  | AckedRecord
  | LetterRecord
  | DurableEndRecord
  | QuestionFact
  | QueueFact
  | EndRecord;

/** Fact with its time, in milliseconds that never go backwards. */
export type JournalRecord = Fact & { readonly t: number };

/** How much of a channel is kept, and who writes to it. */
export interface ChannelRecord {
  readonly type: "channel";
  readonly channel: string;
  readonly max_entries: number;
  readonly max_age_ms: number;
  readonly projection: string | null;
  /** Who its entries come from: recorded publishes alone, or the gateway too. */
  readonly written_by: "publishers" | "gateway";
}

/** The first record: what this is a journal of. */
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
 * Somebody asks for an entry. Attempts of one publish share `publisher` and `n`. What goes down one `line`
 * must be stored in the order it was asked for; between lines there is none.
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
  /** The fence of the lease that it is reported with. */
  readonly fence?: number;
}

/** What the publisher was told. */
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

/** The store took an entry, in the order of its log. */
export interface EntryRecord {
  readonly type: "entry";
  readonly channel: string;
  readonly position: string;
  readonly owner: string;
  readonly key?: string;
  readonly event: string;
  readonly hash: string;
}

/** A log was first seen with this epoch. */
export interface LifeRecord {
  readonly type: "life";
  readonly channel: string;
  readonly epoch: string;
}

/** A subscriber asks for a channel; `since` is what it holds, or a word. */
export interface SubscribeRecord {
  readonly type: "subscribe";
  readonly subscriber: string;
  readonly channel: string;
  readonly since?: string;
  readonly events?: readonly string[];
  /** False when its credential does not allow the channel. */
  readonly allowed?: boolean;
}

/** The subscription has started. */
export interface SubscribedRecord {
  readonly type: "subscribed";
  readonly subscriber: string;
  readonly position: string;
  /** Absent where the subscriber is not told: an SDK goes on from what it holds, or tells of a gap. */
  readonly recovered?: boolean;
  readonly reason?: string;
  /** Hash of the state that came with it. */
  readonly state?: string;
}

/** An entry was handed to a subscriber. */
export interface DeliveryRecord {
  readonly type: "delivery";
  readonly subscriber: string;
  readonly position: string;
  readonly event: string;
  readonly hash: string;
}

/** A subscriber was told of entries that will not come. */
export interface GapRecord {
  readonly type: "gap";
  readonly subscriber: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

/** A subscriber was given state instead of entries. */
export interface ResetRecord {
  readonly type: "reset";
  readonly subscriber: string;
  readonly position: string;
  readonly reason: string;
  readonly state: string;
}

/** A subscriber gave up, or was given up; it claims nothing any more. */
export interface LeftRecord {
  readonly type: "left";
  readonly subscriber: string;
}

/** A node accepted a socket. */
export interface OpenedRecord {
  readonly type: "opened";
  readonly connection: string;
  readonly node: string;
  /** By the wall clock; absent when the credential does not end. */
  readonly expires_at?: number;
}

/** The credential of an open socket was prolonged. */
export interface RenewedRecord {
  readonly type: "renewed";
  readonly connection: string;
  readonly expires_at: number;
}

/** A socket is no longer served: the node closed it, or it broke. */
export interface ClosedRecord {
  readonly type: "closed";
  readonly connection: string;
  readonly code: number;
  readonly by: "node" | "network" | "client";
  /** The most bytes that ever waited in the node's transport. */
  readonly peak_bytes: number;
}

/** How far the wall clock is ahead of the journal's own time. */
export interface WallRecord {
  readonly type: "wall";
  readonly offset_ms: number;
}

/** Something was broken on purpose. */
export interface FaultRecord {
  readonly type: "fault";
  readonly fault: string;
  readonly phase: "start" | "stop" | "once";
  readonly channel?: string;
  readonly node?: string;
  /** With `tail_lost`: the last offset that is still there. */
  readonly offset?: number;
}

/** All faults are over, and nothing new is asked for. */
export interface HealedRecord {
  readonly type: "healed";
  /** How soon everybody must be at the head. */
  readonly within_ms: number;
}

/** A log as it stands at the end. */
export interface DumpRecord {
  readonly type: "dump";
  readonly channel: string;
  readonly head: string;
  readonly entries: readonly { readonly position: string; readonly hash: string }[];
}

/** What is still held after everything was shut down. */
export interface BaselineRecord {
  readonly type: "baseline";
  readonly owner: string;
  readonly connections: number;
  readonly subscriptions: number;
  readonly timers: number;
}

/** A piece of work and its fate; `taken`: another producer reports on it from now on. */
export interface WorkRecord {
  readonly type: "work";
  readonly operation: string;
  readonly phase: "begun" | "taken" | "ended" | "done" | "crashed";
  readonly lease_ms?: number;
  /** Whose it is; with `begun`. */
  readonly session?: string;
}

/** The store gave out a lease, in the order in which it did. */
export interface LeaseRecord {
  readonly type: "lease";
  readonly channel: string;
  readonly fence: number;
}

/** A user asked something of a piece of work. */
export interface CommandRecord {
  readonly type: "command";
  readonly operation: string;
  readonly user: string;
  readonly key: string;
  readonly command: string;
  /** The command it made; absent when it was refused, or nobody knows. */
  readonly command_id?: string;
  readonly code?: string;
}

/** A reader of a session's feed is attached, or not any more. */
export interface FeedRecord {
  readonly type: "feed";
  readonly reader: string;
  readonly phase: "opened" | "closed";
  readonly session?: string;
}

/** A document came over a feed. */
export interface DocumentRecord {
  readonly type: "document";
  readonly reader: string;
  readonly operation: string;
  readonly sequence: number;
  readonly status: string;
}

/** How an operation stands at the end. */
export interface OperationRecord {
  readonly type: "operation";
  readonly operation: string;
  readonly status: string;
  readonly commands?: readonly { readonly id: string; readonly phase: string }[];
}

/** A durable subscriber begins, right after `position`. */
export interface DurableRecord {
  readonly type: "durable";
  readonly subscriber: string;
  readonly channel: string;
  readonly position: string;
  readonly max_attempts: number;
}

/** An entry arrived at who holds a durable subscriber; `replayed` out of a dead letter. */
export interface HandedRecord {
  readonly type: "handed";
  readonly subscriber: string;
  readonly position: string;
  readonly attempt: number;
  readonly replayed?: true;
}

/** An ack or nack was answered: saved or refused; `unknown` where the connection went first. */
export interface AckedRecord {
  readonly type: "acked";
  readonly subscriber: string;
  readonly kind: "ack" | "nack";
  readonly position: string;
  readonly outcome: "saved" | "refused" | "unknown";
}

/** A dead letter, as it is found at the end; with `since` it stands for everything after that. */
export interface LetterRecord {
  readonly type: "letter";
  readonly subscriber: string;
  readonly position: string;
  readonly since?: string;
}

/** Where a durable subscriber is at the end, as the service says. */
export interface DurableEndRecord {
  readonly type: "durable_end";
  readonly subscriber: string;
  readonly sent: string;
  readonly pending: readonly {
    readonly position: string;
    readonly attempts: number;
    readonly due_in_ms: number;
  }[];
  /** Whether somebody holds it, so that what is due must come. */
  readonly is_held: boolean;
}

/** The last record; without it the journal is cut off. */
export interface EndRecord {
  readonly type: "end";
}

/** What can be recorded. */
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
  | EndRecord;

/** A fact and when it was, in milliseconds that never go backwards. */
export type JournalRecord = Fact & { readonly t: number };

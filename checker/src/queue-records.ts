/** Settings of a queue, when the store took them. */
export interface QueueRecord {
  readonly type: "queue";
  readonly queue: string;
  readonly capacity: number;
  /** Weights by lane. */
  readonly lanes: Readonly<Record<string, number>>;
  readonly grace_ms: number;
}

/** Ticket that the store gave to an owner. */
export interface JoinedRecord {
  readonly type: "joined";
  readonly queue: string;
  readonly ticket: string;
  readonly owner: string;
  readonly lane: string;
  readonly is_new: boolean;
}

/** Claim as the store answered it. Without a ticket, nobody waited or the capacity was used up. */
export interface ClaimedRecord {
  readonly type: "claimed";
  readonly queue: string;
  readonly worker: string;
  readonly key: string;
  readonly lease_ms: number;
  readonly ticket?: string;
  readonly fence?: number;
  readonly is_repeat?: boolean;
  readonly reason?: "empty" | "full";
}

/** Call of a worker about a ticket, as the store answered it. */
export interface TicketCallRecord {
  readonly type: "ticket_call";
  readonly queue: string;
  readonly ticket: string;
  readonly fence: number;
  readonly call: "extend" | "finish" | "fail" | "give_back";
  readonly lease_ms?: number;
  readonly outcome: "held" | "repeated" | "stale" | "unknown";
}

/** Ticket that the store moved by itself, or that left by the wish of its person. */
export interface TicketMovedRecord {
  readonly type: "ticket_moved";
  readonly queue: string;
  readonly ticket: string;
  readonly to: "returned" | "gone" | "left";
}

/** Sign of the person of a ticket that reached the store. */
export interface PersonRecord {
  readonly type: "person";
  readonly queue: string;
  readonly ticket: string;
  readonly sign: "seen" | "gone";
  /** Time for which the person stays without a further sign. */
  readonly for_ms?: number;
}

/** Place of a ticket that the store told. */
export interface PlacedRecord {
  readonly type: "placed";
  readonly queue: string;
  readonly ticket: string;
  readonly position: number;
  readonly total: number;
  readonly ahead_in_lane: number;
}

/** Sweep of the store; `is_done` when it left nothing to sweep. */
export interface SweptRecord {
  readonly type: "swept";
  readonly queue: string;
  readonly is_done: boolean;
}

/** Call that reached the store and changed nothing. */
export interface TouchedRecord {
  readonly type: "touched";
  readonly queue: string;
}

/** Nobody joins or leaves any more; the places told from now on are the order of the claims. */
export interface DrainRecord {
  readonly type: "drain";
  readonly queue: string;
}

/** End of a queue: every ticket must have ended. */
export interface QueueEndRecord {
  readonly type: "queue_end";
  readonly queue: string;
}

/** Any fact about a queue. */
export type QueueFact =
  | QueueRecord
  | JoinedRecord
  | ClaimedRecord
  | TicketCallRecord
  | TicketMovedRecord
  | PersonRecord
  | PlacedRecord
  | SweptRecord
  | TouchedRecord
  | DrainRecord
  | QueueEndRecord;

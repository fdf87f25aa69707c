/** Capacity of a queue: a number of tickets, or as many as its live workers have slots. */
export type QueueCapacity = number | "workers";

/** Capacity that changes over the week. */
export interface QueueSchedule {
  /**
   * Changes of the capacity in the order of their minute, 1–200 of them. Before the first change of the week, the last
   * one of the week before counts.
   */
  readonly weekly: readonly {
    /** Minute of the week in UTC, counted from Monday 00:00: 0–10,079. */
    readonly minute: number;
    readonly capacity: QueueCapacity;
  }[];
}

/** Configuration of a queue. */
export interface QueueSettings {
  /** Number of tickets that may run at a time, 0–1,000,000, "workers" or a schedule. With 0 nobody is served. */
  readonly capacity: QueueCapacity | QueueSchedule;
  /**
   * Lanes and their weights, 0.01–1,000; at most {@link maxQueueLanes}. While several lanes have waiting tickets, each is
   * served in proportion to its weight. Default: one lane named `default`.
   */
  readonly lanes?: Readonly<Record<string, number>>;
  /** Number of tickets that may wait at a time, 1–1,000,000; default 100,000. */
  readonly maxWaiting?: number;
  /** Time for which the person of a waiting ticket may be gone, in milliseconds; default 120,000. */
  readonly graceMs?: number;
  /** Default duration of a lease, in milliseconds; default 30,000. */
  readonly leaseMs?: number;
  /** Number of claims after which a ticket whose lease was lost or that was given back fails; default unlimited. */
  readonly maxClaims?: number;
  /** Text that the store keeps with the settings; at most {@link maxQueueData} bytes. */
  readonly data?: string;
}

/** Maximum number of lanes of a queue. */
export const maxQueueLanes = 16;
/** Maximum length of the data of a ticket and of a queue, in bytes of UTF-8. */
export const maxQueueData = 4_096;
/** Maximum length of a worker's name, an owner, a ticket's id or a key, in characters. */
export const maxQueueName = 256;
/** Maximum number of tickets that one call may name. */
export const maxQueueBatch = 1_000;
/** Time without any call for a queue after which its store counts as having been away, in milliseconds. */
export const queueOutageMs = 15_000;
/** Time after such an outage in which no expired lease is taken from its worker, in milliseconds. */
export const queueRecoveryMs = 10_000;
/** Time after its last use at which an idle queue is forgotten, in milliseconds: 30 days. */
export const queueKeepMs = 30 * 24 * 3_600_000;
/** Time for which a ticket that ended is remembered, in milliseconds: an hour. */
export const endedTicketMs = 3_600_000;
/** Time for which a ticket that its person gave up is remembered, in milliseconds: a minute. */
export const leftTicketMs = 60_000;
/** Number of hours for which statistics are kept, the current one included. */
export const queueStatisticsHours = 48;

/**
 * State of a ticket. It begins as `waiting`; a claim makes it `running`; a lease that ends makes it `waiting` again. The
 * other states are final: `finished` and `failed` by its worker, `left` by its person, `gone` because the person was away
 * for longer than the grace.
 */
export type TicketState = "waiting" | "running" | "finished" | "failed" | "left" | "gone";

/** Place of a waiting ticket in the order in which the queue would serve it if nobody else came. */
export interface QueuePlace {
  /** Number of the place over all lanes; 1 is next. */
  readonly position: number;
  /** Number of all waiting tickets. */
  readonly total: number;
  /** Number of tickets of the same lane that are served before this one. */
  readonly aheadInLane: number;
}

/** Ticket of a queue. All times are in milliseconds since 1970 by the clock of the store. */
export interface QueueTicket {
  readonly id: string;
  readonly owner: string;
  readonly lane: string;
  readonly state: TicketState;
  readonly joinedAt: number;
  /** Number of times it was claimed. */
  readonly claims: number;
  /** Text that the store keeps with the ticket. */
  readonly data?: string;
  /** Fence of the latest claim. Fences of a queue rise with every claim, also after a restart of nodes or store. */
  readonly fence?: number;
  /** Name of the worker that made the latest claim. */
  readonly worker?: string;
  /** Time of the latest claim. */
  readonly claimedAt?: number;
  /** End of the lease; only while it runs. */
  readonly leaseEndsAt?: number;
  /** Time at which it reached a final state. */
  readonly endedAt?: number;
  /** Reason of a failure, or of the latest return to the queue: `lease` where its lease ended. */
  readonly reason?: string;
  /** Place in the queue; only while it waits. */
  readonly place?: QueuePlace;
}

/** Request to join a queue. */
export interface JoinRequest {
  /** Id of the ticket if it is new: unguessable, or the id of the operation that the ticket becomes. */
  readonly id: string;
  /** Who waits, for instance `user:ada`. An owner has at most one ticket that waits or runs. */
  readonly owner: string;
  /** Default: the lane `default` if there is one, otherwise the lane with the smallest weight. */
  readonly lane?: string;
  /** Text to keep with the ticket; at most {@link maxQueueData} bytes. */
  readonly data?: string;
  /** Idempotency key of the owner: as long as its ticket is remembered, a join with it returns that ticket. */
  readonly key?: string;
}

/** Result of a join. */
export interface JoinResult {
  readonly ticket: QueueTicket;
  /** False if the owner had this ticket already. */
  readonly isNew: boolean;
}

/** Request of a worker for the next ticket. */
export interface ClaimRequest {
  readonly worker: string;
  /** Duration of the lease in milliseconds; default that of the queue. */
  readonly leaseMs?: number;
  /** Number of tickets that this worker can run at a time, 1–10,000; default what it said last, or 1. */
  readonly slots?: number;
  /**
   * Key of the request. While the ticket of an earlier claim of this worker with this key runs, a claim returns that
   * ticket again. So a worker whose answer was lost repeats its request.
   */
  readonly key?: string;
}

/** Result of a claim. */
export type ClaimResult =
  | { readonly status: "claimed"; readonly ticket: QueueTicket; readonly isRepeat: boolean }
  /** Nobody waits. */
  | { readonly status: "empty" }
  /** As many tickets run as the capacity allows. */
  | { readonly status: "full"; readonly running: number; readonly capacity: number };

/** Options of {@link Queues.fail}: how a worker ends a ticket that it does not finish. */
export interface FailOptions {
  /** Returns the ticket to its old place. */
  readonly giveBack?: boolean;
  /** With `giveBack`: no worker began with the ticket, so the claim does not count. */
  readonly unserved?: boolean;
  readonly reason?: string;
}

/** Result of a worker's call about a ticket that it claimed. */
export type HeldResult =
  | { readonly status: "held"; readonly ticket: QueueTicket; readonly isRepeat: boolean }
  /** The fence is not that of the running ticket; `ticket` says what it is now and who has it. */
  | { readonly status: "stale"; readonly ticket: QueueTicket }
  /** No such ticket is remembered. */
  | { readonly status: "unknown" };

/** Tickets that a sweep moved. Each is returned by exactly one sweep. */
export interface SweepResult {
  /** Tickets whose lease ended and that wait again. */
  readonly returned: readonly QueueTicket[];
  /** Tickets whose lease ended and that failed, because they were claimed too often. */
  readonly failed: readonly QueueTicket[];
  /** Tickets that left because their person was gone for too long. */
  readonly gone: readonly QueueTicket[];
  /** True if there may be more to sweep. */
  readonly hasMore: boolean;
}

/** A lane as it is now. */
export interface QueueLane {
  readonly name: string;
  readonly weight: number;
  readonly waiting: number;
  /** True for a lane that is no longer configured. It takes no new tickets and disappears when it is empty. */
  readonly isDraining: boolean;
}

/** A queue as it is now. */
export interface QueueState {
  readonly settings: QueueSettings;
  readonly waiting: number;
  readonly running: number;
  /** Capacity at this time, as a number. */
  readonly capacity: number;
  readonly lanes: readonly QueueLane[];
  /** Number of live workers, and of their slots. */
  readonly workers: number;
  readonly slots: number;
  /** Time before which nobody is taken for gone, because the store was away; absent where that time is over. */
  readonly suspendedUntil?: number;
}

/** A live worker. */
export interface QueueWorker {
  readonly name: string;
  readonly slots: number;
  /** Time until which it counts as live without a further sign. */
  readonly liveUntil: number;
}

/** Counters of one lane in one hour. */
export interface LaneStatistics {
  readonly joined: number;
  /** Number of first claims. */
  readonly claimed: number;
  readonly finished: number;
  readonly failed: number;
  readonly left: number;
  readonly gone: number;
  /** Number of returns to the queue, by a lost lease or by the worker. */
  readonly returned: number;
  /** Number of first claims by the bucket of the wait before; see `queueBucket`. */
  readonly waits: Readonly<Record<number, number>>;
  /** Number of finished tickets by the bucket of the time since the latest claim. */
  readonly services: Readonly<Record<number, number>>;
  /** First claims of tickets for which a wait had been estimated, and how many came no later than either bound. */
  readonly estimated: number;
  readonly withinP50: number;
  readonly withinP90: number;
}

/** Statistics of one hour. */
export interface QueueHour {
  /** Start of the hour, in milliseconds since 1970. */
  readonly at: number;
  readonly lanes: Readonly<Record<string, LaneStatistics>>;
}

/**
 * Queues of people who wait for work: lanes with weights, claims with leases, and places that are cheap to ask for.
 *
 * Every method is one atomic step on one queue, by the clock of the store. `join`, `claim` and a place take O(l + log n)
 * for l lanes and n waiting tickets. Methods reject with `not_found` if the queue does not exist, with `bad_message` if an
 * argument is out of range, and with `store_unavailable` if the store cannot answer. After that last rejection it is
 * unknown whether the step was made; every step may be repeated.
 *
 * Order: within a lane, tickets are served as they joined. Over lanes, by weighted fair queueing, so that every lane with
 * a waiting ticket moves. Tickets that came back from a worker are served before all others, in the order of their
 * first claims: that is their old place.
 *
 * If no call reached the queue for {@link queueOutageMs}, its store was away. Then nobody is taken for gone for one
 * grace, and no lease is taken from its worker for {@link queueRecoveryMs}. So something must sweep every queue every few
 * seconds.
 */
export interface Queues {
  /**
   * Creates the queue, or replaces its settings. Tickets that wait keep their order within their lane; new weights count
   * for them at once. A lane that is no longer named drains with its last weight. Rejects with `store_full` when there
   * are `maxQueues` queues, and with `not_possible_now` when too many lanes drain.
   */
  configure(queue: string, settings: QueueSettings, maxQueues: number): Promise<QueueState>;
  /** Returns the queue; undefined if it does not exist. */
  state(queue: string): Promise<QueueState | undefined>;
  /** Returns the names of all queues, sorted. */
  names(): Promise<readonly string[]>;
  /** Removes a queue that has no ticket waiting or running; false if it does not exist. Else rejects with `not_possible_now`. */
  remove(queue: string): Promise<boolean>;
  /**
   * Lets an owner join at the end of a lane. An owner with a ticket that waits or runs gets that ticket. Rejects with
   * `queue_full` when as many tickets wait as the queue allows, and with `already_exists` when the id is that of somebody
   * else's ticket.
   */
  join(queue: string, request: JoinRequest): Promise<JoinResult>;
  /** Returns tickets in the order of the ids, with their places; undefined for one that is not remembered. */
  get(queue: string, ids: readonly string[]): Promise<readonly (QueueTicket | undefined)[]>;
  /** Returns the ticket of an owner that waits or runs. */
  find(queue: string, owner: string): Promise<QueueTicket | undefined>;
  /** Returns the tickets that would be served next, in that order, with their places; at most 100. */
  head(queue: string, limit: number): Promise<readonly QueueTicket[]>;
  /** Returns running tickets, that with the earliest end of its lease first; at most 1,000. */
  running(queue: string, limit: number): Promise<readonly QueueTicket[]>;
  /**
   * Lets a ticket leave by the wish of its person. Returns it as it is then: `left` if it waited, otherwise unchanged.
   * Undefined if it is not remembered.
   */
  leave(queue: string, id: string): Promise<QueueTicket | undefined>;
  /** Claims the next ticket for a worker, if the capacity allows. It also proves for the lease that the worker lives. */
  claim(queue: string, request: ClaimRequest): Promise<ClaimResult>;
  /**
   * Renews the lease of a running ticket, for the queue's default duration or `leaseMs`. A lease that has ended but that no
   * sweep has taken yet is renewed, too.
   */
  extend(queue: string, id: string, fence: number, leaseMs?: number): Promise<HeldResult>;
  /** Ends a running ticket as `finished`. A repeated call with the same fence is `held` with `isRepeat`. */
  finish(queue: string, id: string, fence: number): Promise<HeldResult>;
  /**
   * Ends a running ticket as `failed`, or with `giveBack` returns it to its old place, unless it was claimed too often. A
   * repeated call with the same fence is `held` with `isRepeat`, also if the ticket waits again. A return that is `unserved`
   * takes the claim back: nobody began with the ticket, so the claim does not count.
   */
  fail(queue: string, id: string, fence: number, options?: FailOptions): Promise<HeldResult>;
  /**
   * Records that the persons of these tickets are here, and will be for `forMs` milliseconds unless somebody says so
   * again. A ticket whose person was never seen does not leave by itself. Returns the number of tickets that wait or run.
   */
  markSeen(queue: string, ids: readonly string[], forMs: number): Promise<number>;
  /**
   * Records that the persons of these tickets are gone. Unless they are seen again, a waiting ticket leaves after the
   * grace. Persons who were never seen are not gone. Returns the number of tickets that wait or run.
   */
  markGone(queue: string, ids: readonly string[]): Promise<number>;
  /** Takes nobody for gone for one grace. Called by a node that could not reach the store itself. */
  suspend(queue: string): Promise<void>;
  /** Returns up to `limit` tickets of ended leases to their old places, and lets up to as many leave whose person is gone. */
  sweep(queue: string, limit: number): Promise<SweepResult>;
  /** Records that a worker lives for `ttlMs` milliseconds, and how many tickets it can run at a time. */
  beat(queue: string, worker: string, slots: number, ttlMs: number): Promise<void>;
  /** Records that a worker has ended: its slots no longer count. Its tickets keep their leases. */
  retire(queue: string, worker: string): Promise<void>;
  /** Returns the live workers; at most 1,000, those with the earliest end first. */
  workers(queue: string): Promise<readonly QueueWorker[]>;
  /**
   * Keeps the wait that a waiting ticket's person was told, in milliseconds from now. The first claim compares it with the
   * truth. False if the ticket does not wait for its first claim.
   */
  noteEstimate(queue: string, id: string, p50Ms: number, p90Ms: number): Promise<boolean>;
  /** Returns the statistics of the last `hours` hours, 1–48, the current hour first. */
  statistics(queue: string, hours: number): Promise<readonly QueueHour[]>;
}

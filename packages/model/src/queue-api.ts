import type { OperationLease } from "./operation-api.ts";

/** A time of the week at which a queue has another capacity. */
export interface CapacityTime {
  /** Days on which it begins; default every day. */
  readonly days?: readonly Weekday[];
  /** Begin and end as `HH:MM`. An end at or before the begin is on the next day; `24:00` is the end of the day. */
  readonly from: string;
  readonly to: string;
  readonly capacity: number;
}

/** Days of the week, Monday first. */
export const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** A day of the week. */
export type Weekday = (typeof weekdays)[number];

/** Capacity that changes over the week. Of several times that hold at once, the first counts. */
export interface CapacitySchedule {
  /** IANA name of the time zone of the times, such as `Europe/Berlin`; default `UTC`. */
  readonly time_zone?: string;
  /** Capacity outside all times; default 0, which serves nobody. */
  readonly default?: number;
  readonly times: readonly CapacityTime[];
}

/**
 * Number of tickets that may be served at once: a number, `workers` for as many as workers claim, or a schedule.
 */
export type QueueCapacity = number | "workers" | CapacitySchedule;

/** Body of `PUT /v1/queues/{queue}`. A field that is absent keeps its value. */
export interface ConfigureQueue {
  readonly capacity?: QueueCapacity;
  /** Weights by lane. Tickets that wait in a lane that is left out are served with weight 1. */
  readonly lanes?: Readonly<Record<string, number>>;
}

/** A lane of a queue as it is now. */
export interface QueueLaneView {
  readonly name: string;
  readonly weight: number;
  readonly waiting: number;
}

/** Durations of tickets as percentiles, in milliseconds; null where there is none. */
export interface DurationView {
  readonly count: number;
  readonly p50_ms: number | null;
  readonly p90_ms: number | null;
  readonly p99_ms: number | null;
}

/** Counts of the tickets of a lane, or of all lanes, in a span of time, by what became of them. */
export interface QueueFigures {
  readonly joined: number;
  readonly served: number;
  readonly finished: number;
  readonly failed: number;
  /** Tickets that left on request while they waited. */
  readonly left: number;
  /** Tickets whose person was gone for longer than the grace. */
  readonly gone: number;
  /** Times that a ticket returned to its place, because its worker died or gave it back. */
  readonly returned: number;
  /** Share of the tickets that stopped waiting without being served: `left` and `gone`. Null where none stopped waiting. */
  readonly abandonment: number | null;
  /** Tickets served per hour. */
  readonly throughput_per_hour: number;
  /** Waits until a ticket was first served. */
  readonly wait: DurationView;
  /** Times from the claim of a ticket until it was finished. */
  readonly service: DurationView;
  /** Estimates compared with the actual waits. */
  readonly estimates: EstimateView;
}

/** Shares of the waits that lay below their estimated bounds. Nominal: 0.5, 0.9 and 0.4. */
export interface EstimateView {
  readonly count: number;
  readonly below_p50: number | null;
  readonly below_p90: number | null;
  readonly inside: number | null;
}

/** Figures of one hour. */
export interface QueueHourView {
  /** Begin of the hour, in milliseconds since 1970. */
  readonly at: number;
  readonly lanes: Readonly<Record<string, QueueFigures>>;
}

/** Answer of `GET /v1/queues/{queue}`. */
export interface QueueView {
  readonly queue: string;
  /** Capacity as it is configured. */
  readonly capacity: QueueCapacity;
  /** Number of tickets that may be served at once now. */
  readonly capacity_now: number;
  readonly lanes: readonly QueueLaneView[];
  readonly waiting: number;
  readonly running: number;
  /** Workers that are alive, and the number of tickets that they can serve at once. */
  readonly workers: number;
  readonly slots: number;
  /** Time before which no ticket leaves because its person is gone, since the store was away; absent where that is over. */
  readonly suspended_until?: number;
  /** Figures over the hours of the answer: of all lanes together, and of each. */
  readonly total: QueueFigures;
  readonly by_lane: Readonly<Record<string, QueueFigures>>;
  /** Figures by hour, the current hour first. */
  readonly hours: readonly QueueHourView[];
}

/** Answer of `GET /v1/queues`. */
export interface QueueList {
  readonly queues: readonly {
    readonly queue: string;
    readonly waiting: number;
    readonly running: number;
    readonly capacity_now: number;
  }[];
}

/** Estimated wait as a range: half of the tickets wait for `p50_ms` at most, and nine of ten for `p90_ms` at most. */
export interface WaitRange {
  readonly p50_ms: number;
  readonly p90_ms: number;
}

/**
 * Status of a ticket. A ticket is live while it is `waiting` or `running`, which is being served. It ends as `finished` or
 * `failed` by its worker, as `left` on request, or as `gone` because its person was gone for longer than the grace.
 */
export type TicketStatus = "waiting" | "running" | "finished" | "failed" | "left" | "gone";

/** Place of a ticket in its queue. The ticket at position 1 is the next; one that does not wait has position 0. */
export interface TicketPlace {
  readonly position: number;
  /** Number of tickets that wait. */
  readonly total: number;
  /** Number of tickets in the same lane that are ahead. */
  readonly ahead_in_lane: number;
  /** Null while nothing is known of the queue's service times, and once the ticket does not wait. */
  readonly estimated_wait: WaitRange | null;
}

/** Ticket of one person in a queue. */
export interface QueueTicket extends TicketPlace {
  readonly id: string;
  readonly queue: string;
  readonly status: TicketStatus;
  readonly lane: string;
  readonly user_id?: string;
  readonly session_id?: string;
  readonly guest_id?: string;
  /** Operation that this ticket is. */
  readonly operation_id?: string;
  /** Number of times that the ticket was claimed. */
  readonly attempt: number;
  /** Time at which the ticket joined, in milliseconds since 1970. */
  readonly joined_at: number;
  /** Reason why it failed, or returned to its place: `lease` where its worker was silent. */
  readonly reason?: string;
}

/** Body of `POST /v1/queues/{queue}/tickets`. A user joins for itself and names neither a person nor a lane. */
export interface JoinQueue {
  readonly user?: string;
  readonly session?: string;
  /** Id of a guest, for whom a service joins. */
  readonly guest?: string;
  /** Lane of the ticket; only a service may name one. */
  readonly lane?: string;
  /**
   * Operation that the ticket is: the id of one that this API key has created, or what to create. Only a service may
   * name one.
   */
  readonly operation?: string | QueuedOperation;
  /** Idempotency key. A person has one live ticket in a queue, so a second join returns it with or without a key. */
  readonly key?: string;
}

/** Operation that a ticket creates. It belongs to the ticket's person. */
export interface QueuedOperation {
  readonly kind: string;
  readonly title?: string;
  readonly operation_id?: string;
  readonly input?: unknown;
}

/** Answer to a join. */
export interface JoinedTicket extends QueueTicket {
  /** True if the person had this ticket already. */
  readonly duplicate: boolean;
}

/** Body of `POST /v1/queues/{queue}/claim`. */
export interface ClaimTicket {
  /** Name of the worker: 1–200 characters. */
  readonly worker: string;
  readonly lease_ms?: number;
  /** Number of tickets that the worker can serve at once; default what it said last, or 1. */
  readonly slots?: number;
  /** Id of this claim. A claim that is repeated with its id returns the same ticket while the lease holds. */
  readonly claim_id?: string;
}

/**
 * The calls that a worker of a queue makes to the gateway, over HTTP or in process. A call that fails rejects with an error that
 * has `code` and `retryable`; one that failed with a retryable error may be repeated.
 */
export interface QueueGateway {
  /** Claims the next ticket, and waits up to `waitMs` milliseconds for one. Undefined if there was none. */
  claimTicket(
    queue: string,
    input: ClaimTicket,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<ClaimedTicket | undefined>;
  extendTicket(
    queue: string,
    ticket: string,
    input: ExtendTicket,
    signal?: AbortSignal,
  ): Promise<unknown>;
  finishTicket(
    queue: string,
    ticket: string,
    input: FinishTicket,
    signal?: AbortSignal,
  ): Promise<unknown>;
  failTicket(
    queue: string,
    ticket: string,
    input: FailTicket,
    signal?: AbortSignal,
  ): Promise<unknown>;
}

/** The right to serve a ticket. */
export interface TicketLease {
  /** Number that proves the claim, and grows with every claim of the queue. */
  readonly fence: number;
  /** Duration of the lease, in milliseconds. */
  readonly ttl_ms: number;
  /** End of the lease unless it is extended, in milliseconds since 1970. */
  readonly ends_at: number;
}

/** Body of `POST …/tickets/{id}/extend`: the fence of the claim, and how long the lease lasts from now. */
export interface ExtendTicket {
  readonly fence: number;
  readonly lease_ms?: number;
}

/** Body of `POST …/tickets/{id}/finish`. */
export interface FinishTicket {
  readonly fence: number;
}

/** Body of `POST …/tickets/{id}/fail`. */
export interface FailTicket {
  readonly fence: number;
  /** Reason for people, up to 500 characters. */
  readonly reason?: string;
  /** True to return the ticket to its old place, where another worker claims it; default false: the ticket has failed. */
  readonly give_back?: boolean;
}

/** Ticket that a worker has claimed. */
export interface ClaimedTicket extends QueueTicket {
  readonly lease: TicketLease;
  /** Lease of the ticket's operation, with which the worker reports on it. */
  readonly operation_lease?: OperationLease;
}

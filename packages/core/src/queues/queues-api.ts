import type {
  ClaimedTicket,
  ClaimTicket,
  ConfigureQueue,
  ExtendTicket,
  FailTicket,
  FinishTicket,
  JoinedTicket,
  JoinQueue,
  QueueList,
  QueueTicket,
  QueueView,
} from "@milepost/model";
import type { Principal } from "../rules/principal.ts";

/**
 * Methods for queues, each called on behalf of a principal. Every method checks what its principal may do. All reject with
 * `store_unavailable` while the store is away.
 */
export interface Queues {
  /** Creates a queue or changes it, for the scope `queue:manage`. */
  configure(principal: Principal, queue: string, input: ConfigureQueue): Promise<QueueView>;
  /** Returns a queue with its figures of the last `hours` hours, for the scope `queue:manage` or `queue:claim`. */
  view(principal: Principal, queue: string, hours?: number): Promise<QueueView>;
  /** Returns the queues that the service may see. */
  list(principal: Principal): Promise<QueueList>;
  /**
   * Joins a queue: a user for itself as the queue's rule says, a service for a person by the scope `queue:join`. A person
   * that has a live ticket in the queue gets that one.
   */
  join(principal: Principal, queue: string, input: JoinQueue): Promise<JoinedTicket>;
  /** Returns a ticket. A user sees only its own; any other is `not_found`. */
  get(principal: Principal, queue: string, ticket: string): Promise<QueueTicket>;
  /** Returns the live ticket of a user in a queue; undefined if it has none. */
  own(principal: Principal, queue: string): Promise<QueueTicket | undefined>;
  /** Lets a waiting ticket leave; a ticket that has ended already stays as it is. Rejects with `not_possible_now` while it is served. */
  leave(principal: Principal, queue: string, ticket: string): Promise<QueueTicket>;
  /**
   * Claims the next ticket for a worker, for the scope `queue:claim`. If there is none, or the capacity is used up, waits up to
   * `waitMs` milliseconds for one. Undefined at the timeout or when the signal aborts.
   */
  claim(
    principal: Principal,
    queue: string,
    input: ClaimTicket,
    waitMs?: number,
    signal?: AbortSignal,
  ): Promise<ClaimedTicket | undefined>;
  /** Extends the lease of a claimed ticket; `stale_lease` if another worker has it, or it has ended. */
  extend(
    principal: Principal,
    queue: string,
    ticket: string,
    input: ExtendTicket,
  ): Promise<ClaimedTicket>;
  /** Ends a claimed ticket as finished. */
  finish(
    principal: Principal,
    queue: string,
    ticket: string,
    input: FinishTicket,
  ): Promise<QueueTicket>;
  /** Ends a claimed ticket as failed, or returns it to its old place. */
  fail(
    principal: Principal,
    queue: string,
    ticket: string,
    input: FailTicket,
  ): Promise<QueueTicket>;
}

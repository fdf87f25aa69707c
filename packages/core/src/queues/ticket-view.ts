import type { QueueTicket as StoredTicket } from "@milepost/engine";
import type { ClaimedTicket, QueueTicket, WaitRange } from "@milepost/model";
import { readTicketData } from "./ticket-owner.ts";

/** Returns a ticket as its person and workers see it. */
export function viewOfTicket(
  queue: string,
  ticket: StoredTicket,
  estimate: WaitRange | undefined,
): QueueTicket {
  const { user, session, guest, operation } = readTicketData(ticket.data);
  const { place } = ticket;
  return {
    id: ticket.id,
    queue,
    status: ticket.state,
    lane: ticket.lane,
    position: place?.position ?? 0,
    total: place?.total ?? 0,
    ahead_in_lane: place?.aheadInLane ?? 0,
    estimated_wait: place === undefined ? null : (estimate ?? null),
    ...(user === undefined ? {} : { user_id: user }),
    ...(session === undefined ? {} : { session_id: session }),
    ...(guest === undefined ? {} : { guest_id: guest }),
    ...(operation === undefined ? {} : { operation_id: operation }),
    attempt: ticket.claims,
    joined_at: Math.round(ticket.joinedAt),
    ...(ticket.reason === undefined ? {} : { reason: ticket.reason }),
  };
}

/** Returns a running ticket as its worker sees it, with a lease of this length in milliseconds. */
export function claimedTicket(queue: string, ticket: StoredTicket, ttlMs: number): ClaimedTicket {
  const { fence = 0, leaseEndsAt = 0 } = ticket;
  const lease = { fence, ttl_ms: Math.round(ttlMs), ends_at: Math.round(leaseEndsAt) };
  return { ...viewOfTicket(queue, ticket, undefined), lease };
}

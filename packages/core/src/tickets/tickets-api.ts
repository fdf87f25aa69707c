import type { Grants, Principal, UserPrincipal } from "../rules/principal.ts";

/** Whom a ticket is for. A user gets tickets for itself only, so the fields are for services. */
export interface TicketContent {
  readonly user?: string;
  readonly session?: string;
  /** Channel patterns granted in addition to what the rules allow. */
  readonly channels?: Partial<Grants>;
  /** Lifetime of the authority that the ticket gives, in milliseconds; default one hour, at most 30 days. */
  readonly ttlMs?: number;
}

/** A ticket for one connect. */
export interface IssuedTicket {
  readonly ticket: string;
  /** Time until which the ticket must be used, in milliseconds since 1970. */
  readonly expires_at: number;
}

/** Tickets: credentials for one connect, which may stand in a URL. */
export interface Tickets {
  /**
   * Issues a ticket for 30 s. With it a connection gets the user, session, grants, expiry and id of the caller's
   * token, so that a revocation of the token reaches the connection. Rejects with `bad_message` if a user names
   * somebody, or a service nobody.
   */
  issue(principal: Principal, content?: TicketContent): Promise<IssuedTicket>;
  /**
   * Uses a ticket up and resolves with its principal. Rejects with `unauthenticated` for a ticket that is unknown,
   * too old or used, on whatever node, and with `store_unavailable` while the store is away.
   *
   * A ticket that was used for a `stream` may be shown again for the same stream until its token ends.
   */
  use(ticket: string, stream?: string): Promise<UserPrincipal>;
}

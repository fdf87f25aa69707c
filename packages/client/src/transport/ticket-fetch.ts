import { type TicketSource, ticketMark } from "../connection/token.ts";
import type { Fetch } from "./http-endpoint.ts";

const bearer = `Bearer ${ticketMark}`;

/**
 * Returns a fetch function that sends a ticket in the query of each call, in place of a token in its headers. The first
 * call of a connection uses the ticket that the connection was opened with; every other call gets a new one.
 */
export function ticketFetch(fetch: Fetch, source: TicketSource): Fetch {
  let used: string | undefined;
  return async (url, init) => {
    const { Authorization: credential, ...headers } = init.headers;
    if (!credential?.startsWith(bearer)) return fetch(url, init);
    const first = credential.slice(bearer.length);
    const isFresh = first !== used;
    used = first;
    const ticket = isFresh ? first : await source();
    const target = new URL(url);
    target.searchParams.set("ticket", ticket);
    return fetch(target.href, { ...init, headers });
  };
}

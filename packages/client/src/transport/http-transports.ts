import type { ClientOptions } from "../client.ts";
import { Backoff } from "../connection/backoff.ts";
import { systemClock } from "../runtime/clock.ts";
import { browserTabs } from "../sharing/browser-tabs.ts";
import { sharedTransport } from "../sharing/shared-transport.ts";
import type { Fetch } from "./http-endpoint.ts";
import { pollTransport } from "./poll-transport.ts";
import { isBrowser } from "./sdk.ts";
import { sseTransport } from "./sse-transport.ts";
import { ticketFetch } from "./ticket-fetch.ts";
import type { Transport } from "./transport.ts";

export { TransportUpgrade } from "./transport-upgrade.ts";

/**
 * Transports over HTTP, for networks that block WebSockets, and the sharing of a transport by the tabs of a
 * browser. They are loaded together on demand, because a page that needs one often needs the others.
 */
export async function httpTransport(
  name: "sse" | "poll",
  fetch: Fetch,
  options: ClientOptions,
): Promise<Transport> {
  const { ticket } = options;
  const own = ticket === undefined ? fetch : ticketFetch(fetch, ticket);
  const inner = name === "sse" ? sseTransport(own) : pollTransport(own);
  // Whose tickets two tabs have is known to the gateway alone.
  return isBrowser() && ticket === undefined ? shared(inner, fetch, options, true) : inner;
}

/** Returns a transport over `inner` that the tabs of this origin share. */
export async function shared(
  inner: Transport,
  fetch: Fetch,
  options: ClientOptions,
  isBounded = false,
): Promise<Transport> {
  const { clock = systemClock, random = Math.random, share = true } = options;
  return sharedTransport({
    inner,
    brief: isBounded ? pollTransport(fetch, true) : undefined,
    tabs: await browserTabs(clock, random),
    share,
    fetch,
    clock,
    backoff: new Backoff(options.backoff ?? {}, random),
    random,
  });
}

import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/**
 * Returns true when a request addresses this service by one of its own names: an address, `localhost`, or one
 * of `allowedHosts`. A foreign page can make any other name resolve to this machine in order to read what it
 * serves.
 */
export function isOwnHost(host: string | undefined, allowedHosts: readonly string[]): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false;
  const { hostname } = new URL(`http://${host}`);
  if (hostname === "localhost" || hostname.endsWith(".localhost")) return true;
  if (isIP(hostname) !== 0 || isIP(hostname.slice(1, -1)) === 6) return true;
  return allowedHosts.includes(hostname);
}

/** Returns true when no page of another origin can have sent the request. */
export function isSameOrigin({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none") return false;
  const { origin, host } = headers;
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
}

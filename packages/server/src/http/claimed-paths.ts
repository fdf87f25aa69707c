import type { DoorUpgrades } from "../transports/door.ts";

const exact = new Set(["/v1", "/healthz", "/livez", "/readyz", "/openapi.json"]);

/** Test for paths whose upgrade requests the doors answer. */
type ClaimedUpgrades = Pick<DoorUpgrades, "claims">;

/** Paths that are claimed besides those of the protocol. */
export interface ClaimedPages {
  claims(path: string): boolean;
}

/**
 * True when a request for `url` (path and query) belongs to the gateway. All other requests belong to the host
 * program.
 */
export function isClaimed(
  url: string | undefined,
  upgrades: ClaimedUpgrades,
  pages: ClaimedPages,
): boolean {
  const path = pathOf(url);
  return exact.has(path) || path.startsWith("/v1/") || upgrades.claims(path) || pages.claims(path);
}

/** True when an upgrade request for `url` (path and query) belongs to the gateway. */
export function isClaimedUpgrade(url: string | undefined, upgrades: ClaimedUpgrades): boolean {
  return upgrades.claims(pathOf(url));
}

/** Returns the path of a request's `url`, without the query. */
export function pathOf(url = ""): string {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}

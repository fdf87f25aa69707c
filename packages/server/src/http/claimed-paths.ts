import type { DoorUpgrades } from "../transports/door.ts";

const exact = new Set(["/v1", "/healthz", "/readyz", "/openapi.json"]);

/** Paths whose upgrades the doors answer. */
type ClaimedUpgrades = Pick<DoorUpgrades, "claims">;

/** Whether a request for `url` (path and query) is the gateway's own; every other belongs to the host. */
export function isClaimed(url: string | undefined, upgrades: ClaimedUpgrades): boolean {
  const path = pathOf(url);
  return exact.has(path) || path.startsWith("/v1/") || upgrades.claims(path);
}

/** Whether an upgrade of `url` is the gateway's own. */
export function isClaimedUpgrade(url: string | undefined, upgrades: ClaimedUpgrades): boolean {
  return upgrades.claims(pathOf(url));
}

/** Returns the path of a request's `url`, without the query. */
export function pathOf(url = ""): string {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}

const exact = new Set(["/ws", "/v1", "/healthz", "/readyz", "/openapi.json"]);
const prefixes = ["/ws/", "/v1/"] as const;

/** Whether a request for `url` (path and query) is the gateway's own; every other belongs to the host. */
export function isClaimed(url: string | undefined): boolean {
  const path = pathOf(url);
  return exact.has(path) || prefixes.some((prefix) => path.startsWith(prefix));
}

/** Whether an upgrade of `url` is the gateway's own. */
export function isClaimedUpgrade(url: string | undefined): boolean {
  const path = pathOf(url);
  return path === "/ws" || path.startsWith("/ws/");
}

function pathOf(url = ""): string {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}

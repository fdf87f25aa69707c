/** The doors a process may be kept to. */
export const roles = ["all", "gateway", "api"] as const;

/**
 * Which doors a process serves: `gateway` those of readers (WebSocket, SSE, polling), `api` the HTTP API of backends, `all`
 * both. Health is everywhere.
 */
export type Role = (typeof roles)[number];

/** Why a door is closed: the detail of a `not_found` that only says that the role is another. */
export const otherRole =
  "processes of this role do not serve this; ask one with the role all, gateway (readers) or api (backends)";

/** True if processes of the role serve readers: through the doors, and what clients send beside them. */
export function servesReaders(role: Role): boolean {
  return role !== "api";
}

/** True if processes of the role serve the HTTP API of backends. */
export function servesBackends(role: Role): boolean {
  return role !== "gateway";
}

/** Roles that a process can have. */
export const roles = ["all", "gateway", "api"] as const;

/**
 * Role of a process, which selects whom it serves. `gateway` serves clients through the doors (WebSocket, session feed,
 * SSE, long-poll), `api` serves the HTTP API of backends, and `all` serves both. Every role serves the health endpoints.
 */
export type Role = (typeof roles)[number];

/** Detail of the `not_found` answer to a request that the role of this process does not serve. */
export const otherRole =
  "the role of this process does not serve this; send the request to a process with the role all, gateway (clients) or api (backends)";

/**
 * True if processes of the role serve clients: through the doors (WebSocket, session feed, SSE, long-poll) and
 * `POST /v1/connections/{id}/messages`.
 */
export function servesReaders(role: Role): boolean {
  return role !== "api";
}

/** True if processes of the role serve the HTTP API of backends. */
export function servesBackends(role: Role): boolean {
  return role !== "gateway";
}

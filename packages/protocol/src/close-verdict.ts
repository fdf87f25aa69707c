/**
 * The client's reaction to a close: reconnect and resume, do so after 30 s or longer, get a new token first, or stay
 * disconnected.
 */
export type CloseVerdict = "resume" | "later" | "reauthenticate" | "stop";

/** Stable names of the close codes. */
export const closeNames = {
  1000: "normal",
  1001: "going_away",
  1006: "lost",
  1008: "feed_refused",
  1009: "frame_too_large",
  1011: "internal",
  1012: "service_restart",
  1013: "try_again_later",
  4000: "server_shutting_down",
  4001: "moved",
  4002: "slow_consumer",
  4003: "heartbeat_lost",
  4004: "idle",
  4101: "token_expired",
  4102: "token_revoked",
  4400: "protocol_error",
  4401: "unauthenticated",
  4403: "forbidden",
  4408: "auth_timeout",
  4409: "too_many_connections",
  4410: "disconnected",
  4413: "too_large",
  4429: "rate_limited",
} as const satisfies Record<number, string>;

/** A close code that Milepost defines or uses: a key of {@link closeNames}. */
export type CloseCode = keyof typeof closeNames;

/** Stable name of a close code. */
export type CloseName = (typeof closeNames)[CloseCode];

/**
 * Returns what the client does after a close with `code`.
 *
 * 4409 and 4429 say that the client uses too much, which may change. Every other code has the verdict of its range. A code outside Milepost's ranges means
 * `resume`: anything between the gateway and the client may close a connection with such a code, also with 1000.
 */
export function closeVerdict(code: number): CloseVerdict {
  if (code >= 4100 && code <= 4199) return "reauthenticate";
  if (code === 4409 || code === 4429) return "later";
  return code >= 4400 && code <= 4499 ? "stop" : "resume";
}

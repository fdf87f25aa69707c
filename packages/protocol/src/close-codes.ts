import type { CloseCode, CloseName, CloseVerdict } from "./close-verdict.ts";

/**
 * Close codes of Milepost connections, with the verdict and meaning of each; the table in the documents is
 * generated from it. The client uses only `close-verdict.ts`. 4000–4099 mean resume, 4100–4199 get a new token
 * and resume, 4400–4499 stop.
 */
export const closeCodes = {
  1000: { name: "normal", verdict: "stop", description: "Closed by request." },
  1001: {
    name: "going_away",
    verdict: "resume",
    description: "The peer ended the connection; reconnect to continue.",
  },
  1006: {
    name: "lost",
    verdict: "resume",
    description: "The connection broke without a close frame.",
  },
  1008: {
    name: "feed_refused",
    verdict: "stop",
    description: "A plain feed was refused; the reason says why.",
  },
  1009: {
    name: "frame_too_large",
    verdict: "stop",
    description: "A frame exceeded the size limit.",
  },
  1011: { name: "internal", verdict: "resume", description: "The service had an internal error." },
  1012: { name: "service_restart", verdict: "resume", description: "The service is restarting." },
  1013: { name: "try_again_later", verdict: "resume", description: "The service is overloaded." },
  4000: {
    name: "server_shutting_down",
    verdict: "resume",
    description: "The node is shutting down.",
  },
  4001: {
    name: "moved",
    verdict: "resume",
    description: "The connection was replaced by another, or must move to another node.",
  },
  4002: {
    name: "slow_consumer",
    verdict: "resume",
    description: "The client read too slowly; it catches up when it resumes.",
  },
  4003: {
    name: "heartbeat_lost",
    verdict: "resume",
    description: "Nothing arrived from the peer for too long.",
  },
  4101: { name: "token_expired", verdict: "reauthenticate", description: "The token expired." },
  4102: { name: "token_revoked", verdict: "reauthenticate", description: "The token was revoked." },
  4400: { name: "protocol_error", verdict: "stop", description: "The peer broke the protocol." },
  4401: { name: "unauthenticated", verdict: "stop", description: "The credential is not valid." },
  4403: { name: "forbidden", verdict: "stop", description: "The credential does not allow this." },
  4408: { name: "auth_timeout", verdict: "stop", description: "No credential arrived in time." },
  4409: {
    name: "too_many_connections",
    verdict: "stop",
    description: "A limit of connections was reached.",
  },
  4413: { name: "too_large", verdict: "stop", description: "A message exceeded the size limit." },
  4429: {
    name: "rate_limited",
    verdict: "stop",
    description: "The client sent too many messages.",
  },
} as const satisfies Record<
  CloseCode,
  { name: CloseName; verdict: CloseVerdict; description: string }
>;

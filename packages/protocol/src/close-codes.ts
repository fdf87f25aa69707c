import type { CloseCode, CloseName, CloseVerdict } from "./close-verdict.ts";

/**
 * Every code a Milepost socket is closed with, in one table: the source of the documents. What the client needs of
 * it is in `close-verdict.ts`. 4000–4099 resume, 4100–4199 get a new token and resume, 4400–4499 stop.
 */
export const closeCodes = {
  1000: { name: "normal", verdict: "stop", description: "Closed by request." },
  1001: { name: "going_away", verdict: "resume", description: "The peer went away." },
  1006: { name: "lost", verdict: "resume", description: "The connection broke without a close." },
  1008: {
    name: "feed_refused",
    verdict: "stop",
    description: "A plain feed refuses; the reason says why.",
  },
  1009: {
    name: "frame_too_large",
    verdict: "stop",
    description: "A frame was over the size limit.",
  },
  1011: { name: "internal", verdict: "resume", description: "A fault of the service." },
  1012: { name: "service_restart", verdict: "resume", description: "The service restarts." },
  1013: { name: "try_again_later", verdict: "resume", description: "The service is overloaded." },
  4000: { name: "server_shutting_down", verdict: "resume", description: "The node goes away." },
  4001: { name: "moved", verdict: "resume", description: "The connection continues elsewhere." },
  4002: {
    name: "slow_consumer",
    verdict: "resume",
    description: "The client read too slowly; resume catches up.",
  },
  4003: { name: "heartbeat_lost", verdict: "resume", description: "No life for too long." },
  4101: { name: "token_expired", verdict: "reauthenticate", description: "The token ended." },
  4102: { name: "token_revoked", verdict: "reauthenticate", description: "The token was revoked." },
  4400: { name: "protocol_error", verdict: "stop", description: "The peer broke the protocol." },
  4401: { name: "unauthenticated", verdict: "stop", description: "The credential is not valid." },
  4403: { name: "forbidden", verdict: "stop", description: "The credential does not allow this." },
  4408: { name: "auth_timeout", verdict: "stop", description: "No credential came in time." },
  4409: {
    name: "too_many_connections",
    verdict: "stop",
    description: "A connection limit is reached.",
  },
  4413: { name: "too_large", verdict: "stop", description: "A message was over the size limit." },
  4429: { name: "rate_limited", verdict: "stop", description: "Too many messages." },
} as const satisfies Record<
  CloseCode,
  { name: CloseName; verdict: CloseVerdict; description: string }
>;

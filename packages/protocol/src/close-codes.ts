import type { CloseCode, CloseName, CloseVerdict } from "./close-verdict.ts";

/**
 * Close codes of Milepost connections, with the verdict and meaning of each. The table in the documents is
 * generated from this table. The client uses only `close-verdict.ts`. After 4000–4099 the client reconnects and
 * resumes. After 4100–4199 it gets a new token and resumes. After 4400–4499 it stays disconnected, except
 * that it reconnects 30 s or longer after 4409 and 4429.
 */
export const closeCodes = {
  1000: {
    name: "normal",
    verdict: "resume",
    description: "The connection ended in order; the gateway does not say so to a client.",
    sent: "by clients and proxies; the gateway sends 4410",
  },
  1001: {
    name: "going_away",
    verdict: "resume",
    description: "The peer ended the connection; reconnect to continue.",
    sent: "event streams only: the stream reached its maximum age",
  },
  1006: {
    name: "lost",
    verdict: "resume",
    description: "The connection broke without a close frame.",
    sent: "never: clients report it when no close arrives",
  },
  1008: {
    name: "feed_refused",
    verdict: "resume",
    description: "A session feed was refused or has ended; the reason says why.",
    sent: "session feeds only, whose clients do not reconnect",
  },
  1009: {
    name: "frame_too_large",
    verdict: "resume",
    description: "A frame exceeded the size limit; the client does not send it again.",
    sent: "yes",
  },
  1011: {
    name: "internal",
    verdict: "resume",
    description: "The gateway had an internal error.",
    sent: "yes: an unexpected fault while checking a token or starting a feed",
  },
  1012: { name: "service_restart", verdict: "resume", description: "The gateway is restarting." },
  1013: {
    name: "try_again_later",
    verdict: "resume",
    description: "The gateway is full, or cannot do this now.",
    sent: "yes: the node is full, or a token cannot be checked now",
  },
  4000: {
    name: "server_shutting_down",
    verdict: "resume",
    description: "The node is shutting down.",
    sent: "yes",
  },
  4001: {
    name: "moved",
    verdict: "resume",
    description: "The connection was replaced by another, or must move to another node.",
    sent: "yes: replaced or moved",
  },
  4002: {
    name: "slow_consumer",
    verdict: "resume",
    description: "The client read too slowly; it catches up when it resumes.",
    sent: "yes",
  },
  4003: {
    name: "heartbeat_lost",
    verdict: "resume",
    description: "Nothing arrived from the peer for too long.",
    sent: "yes",
  },
  4004: {
    name: "idle",
    verdict: "resume",
    description: "The client did nothing but send and answer pings for the idle timeout.",
    sent: "yes",
  },
  4101: {
    name: "token_expired",
    verdict: "reauthenticate",
    description: "The token expired.",
    sent: "yes",
  },
  4102: {
    name: "token_revoked",
    verdict: "reauthenticate",
    description: "The token was revoked.",
    sent: "yes",
  },
  4400: {
    name: "protocol_error",
    verdict: "stop",
    description: "The peer broke the protocol.",
    sent: "yes: before `auth`, a frame that is not one valid message",
  },
  4401: {
    name: "unauthenticated",
    verdict: "stop",
    description: "The credential is not valid.",
    sent: "yes",
  },
  4403: {
    name: "forbidden",
    verdict: "stop",
    description: "The credential does not allow this.",
    sent: "yes: `auth` names another session",
  },
  4408: {
    name: "auth_timeout",
    verdict: "stop",
    description: "No credential arrived in time.",
    sent: "yes",
  },
  4409: {
    name: "too_many_connections",
    verdict: "later",
    description: "A limit of connections was reached.",
    sent: "yes: the user, the session or the service has too many connections",
  },
  4410: {
    name: "disconnected",
    verdict: "stop",
    description: "The connection was closed by request.",
    sent: "yes: disconnected by an API key",
  },
  4413: { name: "too_large", verdict: "stop", description: "A message exceeded the size limit." },
  4429: {
    name: "rate_limited",
    verdict: "later",
    description: "The client sent too many messages, bytes or control frames for too long.",
    sent: "yes",
  },
} as const satisfies Record<
  CloseCode,
  {
    name: CloseName;
    verdict: CloseVerdict;
    description: string;
    /** When the server sends the code today; absent for a code that is reserved and not sent yet. */
    sent?: string;
  }
>;

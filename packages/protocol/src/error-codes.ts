/**
 * Every error Milepost can answer with, in one table.
 *
 * The table is the source of `docs/errors.md`, of the HTTP status of a problem document and of the
 * client's decision whether to try again; what the client needs of it is in `retryable-codes.ts`. Codes are stable:
 * they are never renamed or reused.
 */
export const errorCodes = {
  bad_json: { status: 400, retryable: false, description: "The text is not valid JSON." },
  bad_message: {
    status: 400,
    retryable: false,
    description: "A field is missing, has the wrong type or is out of range.",
  },
  unknown_type: { status: 400, retryable: false, description: "No message of this type exists." },
  unknown_method: { status: 404, retryable: false, description: "No method of this name exists." },
  invalid_channel: {
    status: 400,
    retryable: false,
    description: "The channel name breaks the grammar.",
  },
  invalid_event: {
    status: 400,
    retryable: false,
    description:
      "The event name breaks the grammar, is reserved, or is not one that the channel has.",
  },
  invalid_data: {
    status: 422,
    retryable: false,
    description: "The data breaks the schema that holds for it; the message names the path.",
  },
  invalid_position: {
    status: 400,
    retryable: false,
    description: "The position or cursor was not made by this service.",
  },
  too_large: {
    status: 413,
    retryable: false,
    description: "The message or body is over the limit.",
  },
  too_deep: { status: 400, retryable: false, description: "The payload is nested too deeply." },
  unauthenticated: {
    status: 401,
    retryable: false,
    description: "No credential was given, or it is not valid.",
  },
  token_expired: {
    status: 401,
    retryable: true,
    description: "The token has expired; get a new one.",
  },
  token_revoked: {
    status: 401,
    retryable: true,
    description: "The token was revoked; get a new one.",
  },
  forbidden: { status: 403, retryable: false, description: "The credential does not allow this." },
  not_found: { status: 404, retryable: false, description: "It does not exist, or no longer." },
  already_subscribed: {
    status: 409,
    retryable: false,
    description: "This connection is already subscribed to the channel.",
  },
  not_subscribed: {
    status: 409,
    retryable: false,
    description: "This connection is not subscribed to the channel.",
  },
  already_exists: { status: 409, retryable: false, description: "The id is taken." },
  not_possible_now: {
    status: 409,
    retryable: false,
    description: "The state it is in does not allow this command.",
  },
  ended: {
    status: 409,
    retryable: false,
    description: "The channel's stream has ended; nothing can be published to it.",
  },
  stale_lease: {
    status: 409,
    retryable: false,
    description: "Another producer has taken the operation over; this lease counts no longer.",
  },
  too_many_subscriptions: {
    status: 429,
    retryable: false,
    description: "The connection has as many subscriptions as it may have.",
  },
  too_many_connections: {
    status: 503,
    retryable: true,
    description: "The node has as many connections as it may have.",
  },
  rate_limited: { status: 429, retryable: true, description: "Too many messages; slow down." },
  timed_out: { status: 504, retryable: true, description: "No answer came in time." },
  cancelled: { status: 499, retryable: false, description: "The caller gave the request up." },
  shutting_down: { status: 503, retryable: true, description: "The node is going away." },
  unavailable: {
    status: 503,
    retryable: true,
    description: "What would answer does not work at present.",
  },
  backend_failed: {
    status: 502,
    retryable: false,
    description: "The backend of the method refused, or answered what is no result.",
  },
  store_unavailable: {
    status: 503,
    retryable: true,
    description: "The store does not answer at present.",
  },
  not_supported: {
    status: 501,
    retryable: false,
    description: "This deployment does not offer what was asked for.",
  },
  internal: {
    status: 500,
    retryable: true,
    description: "A fault of the service; it is in its log.",
  },
} as const satisfies Record<string, { status: number; retryable: boolean; description: string }>;

/** The stable name of an error. */
export type ErrorCode = keyof typeof errorCodes;

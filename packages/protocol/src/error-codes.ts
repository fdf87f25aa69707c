/**
 * Every error that Milepost answers with, in one table.
 *
 * `docs/errors.md`, the HTTP status of a problem document and the client's decision to retry all follow from
 * this table. The client uses only the column in `retryable-codes.ts`. Codes are stable: they are never renamed
 * or reused.
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
    description: "The channel name does not match the grammar.",
  },
  invalid_event: {
    status: 400,
    retryable: false,
    description:
      "The event name does not match the grammar, is reserved, or is not one of the channel's events.",
  },
  invalid_data: {
    status: 422,
    retryable: false,
    description: "The data does not match its schema; the message names the path.",
  },
  invalid_position: {
    status: 400,
    retryable: false,
    description: "The position or cursor was not made by this gateway.",
  },
  too_large: {
    status: 413,
    retryable: false,
    description: "The message or body exceeds the size limit.",
  },
  too_deep: { status: 400, retryable: false, description: "The payload is nested too deeply." },
  unauthenticated: {
    status: 401,
    retryable: false,
    description: "No credential was given, or it is not valid.",
  },
  bad_signature: {
    status: 401,
    retryable: false,
    description:
      "The signature is missing, does not match, is too old, or its nonce was used before.",
  },
  token_expired: {
    status: 401,
    retryable: true,
    description: "The token has expired; get a new one.",
  },
  token_not_yet_valid: {
    status: 401,
    retryable: true,
    description: "The token is not valid yet; try again once it is.",
  },
  token_revoked: {
    status: 401,
    retryable: true,
    description: "The token was revoked; get a new one.",
  },
  forbidden: { status: 403, retryable: false, description: "The credential does not allow this." },
  not_found: {
    status: 404,
    retryable: false,
    description: "The requested thing does not exist, or no longer exists.",
  },
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
  already_exists: { status: 409, retryable: false, description: "The id is already in use." },
  already_answered: {
    status: 409,
    retryable: false,
    description: "Somebody has answered the question; the message names who, and when.",
  },
  not_possible_now: {
    status: 409,
    retryable: false,
    description: "The current state does not allow this command.",
  },
  busy: {
    status: 409,
    retryable: true,
    description: "The operation is busy and takes no messages meanwhile; send it later.",
  },
  ended: {
    status: 409,
    retryable: false,
    description: "The channel's stream has ended; nothing can be published to it.",
  },
  stale_lease: {
    status: 409,
    retryable: false,
    description: "Another producer or worker has taken over; this lease is no longer valid.",
  },
  too_many_subscriptions: {
    status: 429,
    retryable: false,
    description: "The connection has reached its limit of subscriptions.",
  },
  too_many_connections: {
    status: 503,
    retryable: true,
    description: "A limit of connections was reached: of the node, user, session or address.",
  },
  rate_limited: { status: 429, retryable: true, description: "Too many messages; slow down." },
  timed_out: { status: 504, retryable: true, description: "No answer arrived in time." },
  cancelled: { status: 499, retryable: false, description: "The caller cancelled the request." },
  shutting_down: { status: 503, retryable: true, description: "The node is shutting down." },
  unavailable: {
    status: 503,
    retryable: true,
    description: "The service or backend that would answer does not work at present.",
  },
  backend_failed: {
    status: 502,
    retryable: false,
    description:
      "The backend of the method refused the request, or its answer is not a valid result.",
  },
  store_unavailable: {
    status: 503,
    retryable: true,
    description: "The store does not respond at present.",
  },
  store_full: {
    status: 507,
    retryable: true,
    description:
      "There is no room for this: the publisher's share of the store, or the store itself, is full until entries expire.",
  },
  queue_full: {
    status: 503,
    retryable: true,
    description: "As many tickets wait in the queue as may wait at a time.",
  },
  not_supported: {
    // A client can cause it at will, so it is no fault of the server.
    status: 404,
    retryable: false,
    description: "This deployment does not offer the requested feature.",
  },
  internal: {
    status: 500,
    retryable: true,
    description: "The gateway had an internal error; its log has the details.",
  },
} as const satisfies Record<string, { status: number; retryable: boolean; description: string }>;

/** Stable name of an error. */
export type ErrorCode = keyof typeof errorCodes;

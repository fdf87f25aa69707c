import type { ErrorCode } from "./error-codes.ts";

/**
 * Error codes, each mapped to true if a request that failed with the code may succeed later. This is the column
 * `retryable` of the table of errors, without the texts of that table.
 */
export const retryableCodes: Readonly<Record<ErrorCode, boolean>> = {
  bad_json: false,
  bad_message: false,
  unknown_type: false,
  unknown_method: false,
  invalid_channel: false,
  invalid_event: false,
  invalid_data: false,
  invalid_position: false,
  too_large: false,
  too_deep: false,
  unauthenticated: false,
  bad_signature: false,
  token_expired: true,
  token_not_yet_valid: true,
  token_revoked: true,
  forbidden: false,
  not_found: false,
  already_subscribed: false,
  not_subscribed: false,
  already_exists: false,
  already_answered: false,
  not_possible_now: false,
  busy: true,
  ended: false,
  stale_lease: false,
  too_many_subscriptions: false,
  too_many_connections: true,
  rate_limited: true,
  timed_out: true,
  cancelled: false,
  shutting_down: true,
  unavailable: true,
  backend_failed: false,
  store_unavailable: true,
  store_full: true,
  queue_full: true,
  not_supported: false,
  internal: true,
};

/** True if `text` is an error code that this version knows. */
export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === "string" && Object.hasOwn(retryableCodes, text);
}

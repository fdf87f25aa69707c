/**
 * The id that a client chooses for a message. The reply carries the same id. A string of 1–64 characters or a
 * safe integer.
 */
export type MessageId = string | number;

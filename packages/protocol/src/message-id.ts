/**
 * The id that a client gives a message; the reply carries it. A string of 1–64 characters or a safe integer.
 */
export type MessageId = string | number;

/** What a client calls a request by; the reply carries it back. A string of 1–64 characters or a safe integer. */
export type MessageId = string | number;

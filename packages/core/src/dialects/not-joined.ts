import { failure } from "@milepost/protocol";

/** Failure that answers a literal message to a channel that its connection does not subscribe to. */
export const notJoined = failure(
  "not_subscribed",
  "this connection has not joined the channel; subscribe to it first, or connect to /ws/chat/{id}",
);

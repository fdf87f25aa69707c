import type { MilepostError, PresentMember } from "@milepost/protocol";

/** View of who is present in a channel, as far as the client knows. */
export interface PresenceView {
  /**
   * Status of the view:
   * - `loading`: no list has arrived yet;
   * - `live`: the client keeps the list current;
   * - `stale`: the subscription is not live, for example between two connections, so the list may be old;
   * - `failed`: the client is closed, or the gateway refused presence (`not_supported` where the channel's rule
   *   offers
   *   none).
   */
  readonly status: "loading" | "live" | "stale" | "failed";
  /** Members, the longest present first, at most 1,000; empty where the channel reports only the count. */
  readonly members: readonly PresentMember[];
  /** Number of members present, including those not in `members`. */
  readonly count: number;
  /** Ids of the members who are typing, this client's own included. */
  readonly typing: readonly string[];
  readonly error: MilepostError | undefined;
}

/**
 * Presence in a channel, live while it has listeners. While it has listeners, this client is also present
 * itself.
 *
 * `subscribe` and `getSnapshot` fit React's `useSyncExternalStore`: the view stays the same object until it
 * changes. Over long-poll a client cannot be present. It requests the list every 5 seconds instead, and
 * `setTyping` sends nothing.
 */
export interface ChannelPresence {
  readonly channel: string;
  /**
   * Member id of this client; undefined while not connected, and if the credential names neither a user nor a
   * session.
   */
  readonly self: string | undefined;
  getSnapshot(): PresenceView;
  /** Calls `listener` after each change, never inside the call. Returns a function that removes it. */
  subscribe(listener: () => void): () => void;
  /**
   * Reports that this member is typing, or has stopped. Call it with `true` for example at each key press.
   *
   * The typing ends 5 seconds after the last call, at a call with `false`, or when the last listener is
   * removed. The client repeats the signal to the gateway in between. Without a listener the call does nothing.
   */
  setTyping(typing: boolean): void;
}

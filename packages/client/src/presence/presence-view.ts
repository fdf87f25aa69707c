import type { MilepostError, PresentMember } from "@milepost/protocol";

/** View of who is present in a channel, as far as the client knows. */
export interface PresenceView {
  /**
   * Status of the view: `loading` before the first answer; `live`; `stale` between two connections, when it may
   * have changed since; `failed` when the gateway refuses (`not_supported` where the channel's rule offers no
   * presence) or the client is closed.
   */
  readonly status: "loading" | "live" | "stale" | "failed";
  /** Members, the longest present first, at most 1,000; empty where the channel reports only the count. */
  readonly members: readonly PresentMember[];
  /** Number of members present, listed or not. */
  readonly count: number;
  /** Ids of the members who are typing, this client's own included. */
  readonly typing: readonly string[];
  readonly error: MilepostError | undefined;
}

/**
 * Presence in a channel, live while it has subscribers; subscribing also makes this client present.
 *
 * `subscribe` and `getSnapshot` fit `useSyncExternalStore`: the view keeps its identity until it changes. Over
 * long-poll a client cannot be present: it requests the list every 5 seconds instead, and `setTyping` sends
 * nothing.
 */
export interface ChannelPresence {
  readonly channel: string;
  /** This client's own member id; undefined while not connected, and if the credential names nobody. */
  readonly self: string | undefined;
  getSnapshot(): PresenceView;
  /** Calls `listener` after each change, never inside the call. Returns a function that removes it. */
  subscribe(listener: () => void): () => void;
  /**
   * Signals that this member types, or stopped; call it for example at each key. The signal is refreshed, and
   * ends 5 seconds after the last call, with `false`, or when the last subscriber is removed. Without a
   * subscriber it does nothing.
   */
  setTyping(typing: boolean): void;
}

import type { MilepostError, PresentMember } from "@milepost/protocol";
import type { Client } from "../client.ts";
import type { AnyContract, Contract } from "../contract.ts";
import { LivePresence } from "./live-presence.ts";

export type { PresentMember } from "@milepost/protocol";

/** View of who is present in a channel, as far as the client knows. */
export interface PresenceView {
  /**
   * Status of the view: `loading` before the first answer; `live`; `stale` between two connections, when it may
   * have changed since; `failed` when the service refuses (`not_supported` where the channel's rule offers no
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

/** Number of presences per client from which those no longer referenced are removed. */
const maxForgotten = 100;

const watches = new WeakMap<object, Map<string, WeakRef<LivePresence>>>();

/**
 * Returns the presence of a channel; one object for all callers with the same client and channel. Throws
 * `invalid_channel` for an invalid name.
 */
export function channelPresence<C extends Contract = AnyContract>(
  client: Client<C>,
  channel: string,
): ChannelPresence {
  const ofClient = watches.get(client) ?? new Map<string, WeakRef<LivePresence>>();
  watches.set(client, ofClient);
  const known = ofClient.get(channel)?.deref();
  if (known !== undefined) return known;
  if (ofClient.size >= maxForgotten) {
    for (const [name, watch] of ofClient) if (watch.deref() === undefined) ofClient.delete(name);
  }
  // Internally channels are names; the caller's contract provides their types.
  const watch = new LivePresence(client as unknown as Client, channel);
  ofClient.set(channel, new WeakRef(watch));
  return watch;
}

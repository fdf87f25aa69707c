import type { MilepostError, PresentMember } from "@milepost/protocol";
import type { Client } from "../client.ts";
import type { AnyContract, Contract } from "../contract.ts";
import { LivePresence } from "./live-presence.ts";

export type { PresentMember } from "@milepost/protocol";

/** Who is in a channel, as far as is known. */
export interface PresenceView {
  /**
   * `loading` before the first answer; `live`; `stale` between two connections, when it was so and may be otherwise by now;
   * `failed` when the service refuses: `not_supported` where the channel's rule does not offer presence.
   */
  readonly status: "loading" | "live" | "stale" | "failed";
  /** The longest present first, at most 1,000; empty where the channel tells the count alone. */
  readonly members: readonly PresentMember[];
  /** How many there are, listed or not. */
  readonly count: number;
  /** The ids of those who type, oneself included. */
  readonly typing: readonly string[];
  readonly error: MilepostError | undefined;
}

/**
 * Who is in a channel, live while somebody subscribes; who subscribes is there too.
 *
 * `subscribe` and `getSnapshot` fit `useSyncExternalStore`: the view keeps its identity until it changes. Over long-poll one
 * cannot be present: the list is then asked for every 5 seconds, and typing says nothing.
 */
export interface ChannelPresence {
  readonly channel: string;
  /** One's own id among the members; undefined before the connect, and where the credential names nobody. */
  readonly self: string | undefined;
  getSnapshot(): PresenceView;
  /** Told after each change, never inside the call. Returns the end of it. */
  subscribe(listener: () => void): () => void;
  /**
   * Says that one types, for example at each key: it is kept up, and ends by itself 5 seconds after the last call, with
   * `false`, and when nobody subscribes any more. Without a subscriber it does nothing.
   */
  setTyping(typing: boolean): void;
}

/** Past this many, those that nobody holds any more are forgotten. */
const maxForgotten = 100;

const watches = new WeakMap<object, Map<string, WeakRef<LivePresence>>>();

/** Who is in a channel of this client: one for all who ask for the same. Throws `invalid_channel` for what is no name. */
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
  // Inside, channels are names; their types are the caller's contract.
  const watch = new LivePresence(client as unknown as Client, channel);
  ofClient.set(channel, new WeakRef(watch));
  return watch;
}

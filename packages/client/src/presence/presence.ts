import type { Client } from "../client.ts";
import type { AnyContract, Contract } from "../contract.ts";
import { LivePresence } from "./live-presence.ts";
import type { ChannelPresence } from "./presence-view.ts";

export type { PresentMember } from "@milepost/protocol";
export type { ChannelPresence, PresenceView } from "./presence-view.ts";

/**
 * Number of remembered presence objects per client. Once it is reached, those that the application no longer
 * references are removed whenever one is added.
 */
const maxForgotten = 100;

const watches = new WeakMap<object, Map<string, WeakRef<LivePresence>>>();

/**
 * Returns the presence of a channel. Calls with the same client and channel return the same object. Throws
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

import type { PresenceChange, PresenceList, PresentMember } from "@milepost/protocol";

/** A member before the store says since when. */
export type NewMember = Omit<PresentMember, "since">;

/**
 * What a node says about who is in a channel by its connections: its holds. Each id stands in one of `enter`,
 * `leave` and `linger` at most; saying the same again changes nothing.
 */
export interface PresenceUpdate {
  /** All that this holder holds in the channel ends so long after its last update. */
  readonly ttlMs: number;
  /** Held from now on. */
  readonly enter?: readonly NewMember[];
  /** Held no longer; gone at once unless another holds it. */
  readonly leave?: readonly string[];
  /** Held no longer; gone after `lingerMs` unless another holds it or somebody comes to hold it. */
  readonly linger?: readonly string[];
  readonly lingerMs?: number;
  /** Who begins to type, or goes on, or stops. */
  readonly typing?: readonly { readonly id: string; readonly typing: boolean }[];
  /** Typing ends so long after it was last said. */
  readonly typingMs?: number;
}

/** How things stand after an update. */
export interface PresenceStanding {
  readonly epoch: string;
  readonly version: number;
  /** How many members this holder holds in the channel: fewer than it thinks means that the store has lost some. */
  readonly held: number;
  /** Ids of `typing` that are not present. */
  readonly strangers: readonly string[];
  /** In how many milliseconds something ends by itself (a lingering member, typing), so that an update then tells it. */
  readonly endsInMs?: number;
}

/** A change of a channel, one version after the one before, told to the nodes that watch it. */
export interface PresenceBroadcast extends Omit<PresenceChange, "since"> {
  readonly channel: string;
  readonly endsInMs?: number;
}

/** Receives the news of the channels the node subscribed to, in the order of versions per channel. */
export type PresenceListener = (news: PresenceBroadcast) => void;

/**
 * Who is in each channel, over all nodes. What is of one channel lies together, so that each method is one atomic step.
 *
 * A member is present as long as some holder (a node) holds it, or it lingers. What has ended (the holds of a holder that
 * said nothing for its time, lingering, typing) is removed first by `update` and `read`, in that same step, which tells it to
 * the nodes: so it is never listed, and known everywhere once anybody asked. A channel where nobody is left is forgotten;
 * the next to come begins a new epoch.
 */
export interface Presence {
  /** Sets the one listener of this node. */
  listen(listener: PresenceListener): void;
  /** Resolves once all news from now on will reach the listener; news may be lost, and versions show it. */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Does all of an update or nothing. The version rises by one when what is told of the channel changed, else not at all. */
  update(channel: string, holder: string, update: PresenceUpdate): Promise<PresenceStanding>;
  /** The list, with the `maxListedMembers` longest present; epoch "" and version 0 where nobody is. */
  read(channel: string): Promise<PresenceList>;
}

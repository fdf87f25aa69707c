import type { PresenceChange, PresenceList, PresentMember } from "@milepost/protocol";

/** Member as its node reports it, before the store adds the time it entered. */
export type NewMember = Omit<PresentMember, "since">;

/**
 * Changes to the members that one holder (a node) holds in a channel by its connections.
 *
 * Each id is in at most one of `enter`, `leave` and `linger`. Repeating an update changes nothing.
 */
export interface PresenceUpdate {
  /**
   * Time after this update until all holds of this holder in the channel end, in milliseconds. The next update
   * extends it.
   */
  readonly ttlMs: number;
  /** Members that this holder holds from now on. */
  readonly enter?: readonly NewMember[];
  /** Ids that this holder no longer holds. A member without another holder is removed at once. */
  readonly leave?: readonly string[];
  /**
   * Ids that this holder no longer holds. A member without another holder is removed after `lingerMs`, unless a
   * holder enters it again before that.
   */
  readonly linger?: readonly string[];
  readonly lingerMs?: number;
  /** Ids that start or continue typing (`typing: true`), or stop. */
  readonly typing?: readonly { readonly id: string; readonly typing: boolean }[];
  /** Time after which typing ends unless it is reported again, in milliseconds. */
  readonly typingMs?: number;
}

/** State of a channel's presence after an update. */
export interface PresenceStanding {
  readonly epoch: string;
  readonly version: number;
  /**
   * Number of members that this holder holds in the channel. A smaller number than the holder expects means
   * that the store has lost some.
   */
  readonly held: number;
  /** Ids in the update's `typing` that belong to no present member. */
  readonly strangers: readonly string[];
  /**
   * Time in milliseconds until the next lingering member or typing ends; absent when there is neither. The
   * nodes are notified only by an update or read after that time.
   */
  readonly endsInMs?: number;
}

/**
 * Change of a channel's presence, one version after the previous one, sent to the nodes that subscribed to the
 * channel.
 */
export interface PresenceBroadcast extends Omit<PresenceChange, "since"> {
  readonly channel: string;
  readonly endsInMs?: number;
}

/** Receives the changes of subscribed channels, in version order per channel. */
export type PresenceListener = (news: PresenceBroadcast) => void;

/**
 * Members present in each channel, over all nodes. The data of one channel is kept together, so each method is
 * one atomic step.
 *
 * A member is present while a holder (a node) holds it, or while it lingers. `update` and `read` first remove
 * what has ended: the holds of a holder that sent no update for its `ttlMs`, lingering members, typing. The
 * same step notifies the nodes. Ended members are therefore never listed, and all nodes learn of them once any
 * node updates or reads. A channel without members is forgotten; the next member to enter begins a new epoch.
 */
export interface Presence {
  /** Sets the only listener of this node. */
  listen(listener: PresenceListener): void;
  /**
   * Resolves once all changes from now on will reach the listener. Changes may be lost; a gap in the versions
   * shows it.
   */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /**
   * Applies a whole update or nothing. The version rises by one when a listed member, the count or the listed
   * typing changed, otherwise it stays.
   */
  update(channel: string, holder: string, update: PresenceUpdate): Promise<PresenceStanding>;
  /**
   * Returns the list with the `maxListedMembers` members longest present; epoch "" and version 0 when nobody is
   * present.
   */
  read(channel: string): Promise<PresenceList>;
}

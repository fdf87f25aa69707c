/** Maximum number of members that a presence list names. `count` still counts all members. */
export const maxListedMembers = 1_000;

/** Maximum number of members that a presence list names as typing. */
export const maxListedTyping = 50;

/** A member who is present in a channel: a user, or a session if the credential names no user. */
export interface PresentMember {
  /** Name of the member: `user:` or `session:` and the encoded id, the same as the name of its channel. */
  readonly id: string;
  readonly user_id?: string;
  readonly session_id?: string;
  /** Time at which the member's first connection joined, in milliseconds since 1970. */
  readonly since: number;
}

/** The whole presence of a channel at one version. */
export interface PresenceList {
  /** Epoch of the version counter; versions of different epochs cannot be compared. */
  readonly epoch: string;
  readonly version: number;
  /**
   * The first {@link maxListedMembers} members, the longest present first. Absent if the channel offers only
   * the count.
   */
  readonly members?: readonly PresentMember[];
  /** Number of members who are present, including those that the list does not name. */
  readonly count: number;
  /** Ids of the members who are typing, at most {@link maxListedTyping}. */
  readonly typing: readonly string[];
}

/**
 * The changes of presence between the versions `since` and `version`.
 *
 * The client may apply them to any list whose version is from `since` to `version`. Each listed member that
 * changed is named once, by its final state: in `joined` (replacing a member with the same id) or in `left`.
 */
export interface PresenceChange {
  readonly epoch: string;
  readonly since: number;
  readonly version: number;
  readonly joined: readonly PresentMember[];
  /**
   * Ids of the members who left. The list may name a member that no earlier message named: one that joined and
   * left since then.
   */
  readonly left: readonly string[];
  readonly count: number;
  /** Ids of all members who are typing now; absent if the list of typing members did not change. */
  readonly typing?: readonly string[];
}

/** A message about a channel's presence: a change if it has `since`, otherwise the complete list. */
export type PresenceMessage = { readonly type: "presence"; readonly channel: string } & (
  | PresenceChange
  | PresenceList
);

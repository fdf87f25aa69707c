/** How many members a list of presence names at most; the count is exact all the same. */
export const maxListedMembers = 1_000;

/** How many of those who type are named at most. */
export const maxListedTyping = 50;

/** Someone in a channel: a user, or a session where the credential names no user. */
export interface PresentMember {
  /** `user:{user_id}` or `session:{session_id}`. */
  readonly id: string;
  readonly user_id?: string;
  readonly session_id?: string;
  /** When the first connection came, in milliseconds since 1970. */
  readonly since: number;
}

/** Who is in a channel, as a whole, at a version. */
export interface PresenceList {
  /** Another epoch is another count of versions. */
  readonly epoch: string;
  readonly version: number;
  /** The first {@link maxListedMembers}, the longest present first; absent where only the count is told. */
  readonly members?: readonly PresentMember[];
  /** How many are present, listed or not. */
  readonly count: number;
  /** The ids of those who type, at most {@link maxListedTyping}. */
  readonly typing: readonly string[];
}

/**
 * What changed between two versions. It fits every list at a version from `since` to `version`: it names
 * how each listed member that changed meanwhile ended, in `joined` (in place of who has the same id) or in `left`.
 */
export interface PresenceChange {
  readonly epoch: string;
  readonly since: number;
  readonly version: number;
  readonly joined: readonly PresentMember[];
  /** Ids; one may have come and gone between two messages. */
  readonly left: readonly string[];
  readonly count: number;
  /** All who type now; absent when that did not change. */
  readonly typing?: readonly string[];
}

/** Who is in a channel has changed; without `since` it is the whole list anew. */
export type PresenceMessage = { readonly type: "presence"; readonly channel: string } & (
  | PresenceChange
  | PresenceList
);

/** Revocation of the authority of a user, a session or a token, for tokens issued up to a moment. */
export interface Revocation {
  readonly of: "user" | "session" | "token";
  /** Name of the user or session, or the token's `jti`. */
  readonly id: string;
  /**
   * Time up to which issued tokens are revoked, in milliseconds since 1970. A token named by its `jti` is
   * revoked whenever it was issued.
   */
  readonly at: number;
  /** Grants that the tokens lose; absent when the tokens are revoked entirely. */
  readonly grants?: readonly string[];
  /** Time until which the revocation is remembered, in milliseconds since 1970. */
  readonly until: number;
}

/** Page of revocations, in the order in which they were added. */
export interface RevocationPage {
  readonly revocations: readonly Revocation[];
  /** Cursor for the next read. It is the same as before when there is nothing new. */
  readonly cursor: string;
}

/** Revocations for all nodes. Each node reads new ones and keeps them. */
export interface Revocations {
  /**
   * Adds a revocation, remembered for `ttlMs` milliseconds. Resolves once every read that begins later shows
   * it.
   */
  add(revocation: Revocation, ttlMs: number): Promise<void>;
  /**
   * Returns up to 1,000 remembered revocations after a cursor, or from the first. A cursor from before the
   * store lost its data reads from the first.
   */
  read(cursor?: string): Promise<RevocationPage>;
}

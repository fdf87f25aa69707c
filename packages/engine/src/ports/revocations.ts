/** Whose authority has ended, as far as tokens say it that were issued up to a moment. */
export interface Revocation {
  readonly of: "user" | "session" | "token";
  /** The name of the user or session, or the token's `jti`. */
  readonly id: string;
  /** Tokens issued up to then are meant, in milliseconds since 1970; one of its `jti` whenever it was issued. */
  readonly at: number;
  /** What is taken of the tokens' grants; absent, it is everything. */
  readonly grants?: readonly string[];
  /** Until when it is remembered, in milliseconds since 1970. */
  readonly until: number;
}

/** A page of revocations, in the order in which they were made. */
export interface RevocationPage {
  readonly revocations: readonly Revocation[];
  /** Read on after it; the same as before when there is nothing new. */
  readonly cursor: string;
}

/** What was revoked, for all nodes; each reads what is new and keeps it. */
export interface Revocations {
  /** Resolves when every read that begins after it shows it; remembered `ttlMs`. */
  add(revocation: Revocation, ttlMs: number): Promise<void>;
  /**
   * Up to 1,000 that are remembered, after a cursor or from the first. A cursor of a store that has forgotten what it knew
   * reads from the first.
   */
  read(cursor?: string): Promise<RevocationPage>;
}

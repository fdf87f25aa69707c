/** Deadlines of the connections to one Redis, in milliseconds. */
export interface LinkDeadlines {
  /**
   * Interval between canaries. A canary is a test message that a connection publishes to its own subscription.
   */
  readonly canaryIntervalMs: number;
  /** Maximum time without a returned canary. After that the connection counts as broken. */
  readonly canaryMs: number;
  /**
   * Maximum time to open a connection. A server that accepts the connection but has not answered by then counts
   * as hanging.
   */
  readonly openMs: number;
  /** Maximum time of each step of asking one cluster node for its map: connecting, and answering. */
  readonly mapMs: number;
}

/** Deadlines of a link that is opened without any. */
export const defaultDeadlines: LinkDeadlines = {
  canaryIntervalMs: 1_000,
  canaryMs: 3_000,
  openMs: 5_000,
  mapMs: 3_000,
};

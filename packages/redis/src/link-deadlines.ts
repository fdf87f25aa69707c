/** Deadlines of the connections to one Redis, in milliseconds. */
export interface LinkDeadlines {
  /** Interval between canaries. */
  readonly canaryIntervalMs: number;
  /** A connection counts as broken when no canary has returned for so long. */
  readonly canaryMs: number;
  /** Bound of opening a connection: a server that accepts it and answers nothing for so long hangs. */
  readonly openMs: number;
  /** Bound of each step in which one node of a cluster is asked for its map. */
  readonly mapMs: number;
}

/** The deadlines of every link that names no others. */
export const defaultDeadlines: LinkDeadlines = {
  canaryIntervalMs: 1_000,
  canaryMs: 3_000,
  openMs: 5_000,
  mapMs: 3_000,
};

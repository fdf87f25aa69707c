/** An entry of a channel's log as a projection sees it; its `data` is unchecked. */
export interface ProjectionEntry {
  readonly event: string;
  readonly data: unknown;
  /** Time of the append, in milliseconds since 1970. */
  readonly ts: number;
  /** Offset in the log, from 1. */
  readonly offset: number;
  /** Verified publisher of the entry; absent unless the channel shows publishers. */
  readonly publisher?: string;
}

/**
 * A projection folds a channel's log into its current state.
 *
 * `reduce` is pure and no entry makes it throw. States are JSON values. A state that was written as JSON and
 * read again gives the same results as the state itself.
 */
export interface Projection<State> {
  readonly name: string;
  readonly initial: State | undefined;
  /**
   * Returns the state after the entry; undefined while there is no state. Parts of the state that the entry
   * does not change stay the same objects.
   */
  reduce(state: State | undefined, entry: ProjectionEntry): State | undefined;
}

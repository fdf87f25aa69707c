/** An entry of a channel's log as a projection sees it; its `data` is unchecked. */
export interface ProjectionEntry {
  readonly event: string;
  readonly data: unknown;
  /** Time of the append, in milliseconds since 1970. */
  readonly ts: number;
  /** Offset in the log, from 1. */
  readonly offset: number;
}

/**
 * Folds a channel's log into its current state.
 *
 * Pure and total: no entry makes it throw. States are JSON. Folding on from a state that went through JSON
 * gives the same result as folding on from the state itself.
 */
export interface Projection<State> {
  readonly name: string;
  readonly initial: State | undefined;
  /**
   * Returns the state after the entry; undefined while there is no state. Unchanged parts keep their identity.
   */
  reduce(state: State | undefined, entry: ProjectionEntry): State | undefined;
}

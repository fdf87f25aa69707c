/** An entry of a channel's log, as a projection sees it; nothing about `data` is known. */
export interface ProjectionEntry {
  readonly event: string;
  readonly data: unknown;
  /** Milliseconds since 1970. */
  readonly ts: number;
  /** Its place in the log, from 1. */
  readonly offset: number;
}

/**
 * Folds a channel's log into its current state.
 *
 * Pure, and total: no entry makes it throw. States are JSON and travel as such: folding on from a state
 * that went through JSON gives the same as folding on from the state itself.
 */
export interface Projection<State> {
  readonly name: string;
  readonly initial: State | undefined;
  /** The state after the entry; undefined while there is none. Unchanged parts keep their identity. */
  reduce(state: State | undefined, entry: ProjectionEntry): State | undefined;
}

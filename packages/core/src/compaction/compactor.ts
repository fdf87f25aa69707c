/** Entry of a log as a compactor reads it. */
export interface CompactedEntry {
  readonly event: string;
  /** Data as JSON text. */
  readonly json: string;
}

/**
 * Function of a deployment that says in few entries what many entries of a log say.
 *
 * A reader of the entries of a compaction and of the entries after it must end with the same content as a reader of
 * every entry. The order must not matter: entries that were published during a compaction stand before its result.
 */
export interface Compactor {
  /** Event of the entries that the compactor makes. Nobody else can publish it to a compacted channel. */
  readonly event: string;
  /**
   * Returns the data, as JSON texts, of the entries that replace all given ones. Rejects where it cannot show that both
   * say the same; the log then stays as it is. It should not keep the thread busy.
   */
  compact(entries: readonly CompactedEntry[]): Promise<readonly string[]>;
  /** Frees what the compactor holds; called when the node has shut down. */
  close?(): Promise<void>;
}

/** Compactors of a deployment, by the name that rules use in `compact`. */
export type Compactors = Readonly<Record<string, Compactor>>;

/** A publication as a queue outside has it: what a producer wrote there, not yet checked. */
export interface SourceEntry {
  /** Names it within its source, for ever: its dedupe key unless it brings one. */
  readonly id: string;
  /** `channel`, `event`, `data` as JSON text, `key` and `priority`, as in a publish by HTTP. */
  readonly fields: Readonly<Record<string, string>>;
  /** Which time it is tried, from 1 on. */
  readonly attempt: number;
}

/** What became of an entry: stored, known already by its key, or given up and kept as a dead letter. */
export type Taken = "stored" | "duplicate" | "dead_letter";

/**
 * Takes an entry of a source: afterwards the source may forget it.
 *
 * Rejects with an error that is retryable when nothing is known of it: the same entry must come again, before what
 * follows it in its channel.
 */
export type TakeEntry = (source: string, entry: SourceEntry) => Promise<Taken>;

/** A queue outside that publications come from. */
export interface Source {
  /** Begins to hand over entries; called once. */
  start(take: TakeEntry): void;
  /** Reads no more, and resolves when what was handed over is settled or left to others. */
  close(): Promise<void>;
}

/** Randomness, injected so that a simulation can replay it. */
export interface Random {
  /** Returns a fraction from 0 up to but not including 1; used for jitter. */
  fraction(): number;
  /**
   * Returns `length` characters of `[A-Za-z0-9_-]`, unguessable in production; used for ids, tags and epochs.
   */
  id(length: number): string;
}

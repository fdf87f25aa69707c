/** Randomness, injected so that a simulation can replay it. */
export interface Random {
  /** A fraction from 0 up to but not including 1; for jitter. */
  fraction(): number;
  /** `length` characters of `[A-Za-z0-9_-]`, unguessable in production; for ids, tags and epochs. */
  id(length: number): string;
}

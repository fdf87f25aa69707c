/** A guarantee that a journal breaks. */
export interface Violation {
  /** The id in docs/delivery.md, or `journal` when the journal itself is not to be believed. */
  readonly id: string;
  readonly says: string;
  /** When, in the journal's time. */
  readonly t: number;
  /** Which record showed it, counted from 1. */
  readonly line: number;
}

/** Takes what is found. */
export type Accuse = (id: string, says: string) => void;

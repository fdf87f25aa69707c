/** Violation of a guarantee, found in a journal. */
export interface Violation {
  /** Id of the guarantee in docs/delivery.md, W6 for a question, W7 for a queue, or `journal` when the journal itself is invalid. */
  readonly id: string;
  readonly says: string;
  /** Time of the violation on the journal's clock, in milliseconds. */
  readonly t: number;
  /** Number of the record that showed the violation, counted from 1. */
  readonly line: number;
}

/** Callback that receives each violation as it is found. */
export type Accuse = (id: string, says: string) => void;

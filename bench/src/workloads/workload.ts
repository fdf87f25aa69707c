/** What a workload came to, for people and for programs. */
export interface WorkloadReport {
  readonly workload: string;
  /** What was done, in one line. */
  readonly what: string;
  /** Cells of a table, its heading first. */
  readonly table: readonly (readonly string[])[];
  /** What one must know before one believes the table. */
  readonly notes: readonly string[];
  /** The same and more, as data. */
  readonly rows: readonly unknown[];
}

/** Tells a person who waits how far it is. */
export type OnProgress = (message: string) => void;

/** `items` from another start in each round, so that none is always the first. */
export function rotated<Item>(items: readonly Item[], round: number): readonly Item[] {
  const start = round % Math.max(items.length, 1);
  return [...items.slice(start), ...items.slice(0, start)];
}

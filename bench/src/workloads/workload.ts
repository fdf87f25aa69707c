/** Report of a workload, for people and for programs. */
export interface WorkloadReport {
  readonly workload: string;
  /** Description of what the workload did, in one line. */
  readonly what: string;
  /** Cells of the report's table, with the heading first. */
  readonly table: readonly (readonly string[])[];
  /** Notes that a reader of the table must know. */
  readonly notes: readonly string[];
  /** Data of the table and more, for programs. */
  readonly rows: readonly unknown[];
}

/** Reports progress to the person who waits for the benchmark. */
export type OnProgress = (message: string) => void;

/** Returns `items` with another first item in each round, so that no item always runs first. */
export function rotated<Item>(items: readonly Item[], round: number): readonly Item[] {
  const start = round % Math.max(items.length, 1);
  return [...items.slice(start), ...items.slice(0, start)];
}

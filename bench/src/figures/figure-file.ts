import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "../measure/machine.ts";
import type { WorkloadReport } from "../workloads/workload.ts";

/** Run whose figures the documentation shows, as it is committed. */
export interface FigureFile {
  /** Name of the run; that of its file. */
  readonly name: string;
  /** Command line that repeats it. */
  readonly command: string;
  readonly startedAt: string;
  /** Commit that was measured; `+` after it marks changes that were not committed. */
  readonly commit: string;
  readonly machine: Machine;
  readonly report: WorkloadReport;
}

/** Files by name. */
export type FigureFiles = ReadonlyMap<string, FigureFile>;

/** Reads every file of a folder of figures. */
export function readFigures(folder: string): FigureFiles {
  const files = new Map<string, FigureFile>();
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".json")) continue;
    const figure = JSON.parse(readFileSync(join(folder, file), "utf8")) as FigureFile;
    files.set(figure.name, figure);
  }
  return files;
}

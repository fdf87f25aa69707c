import { readFileSync } from "node:fs";
import type { ServeSources } from "./serve-sources.ts";

/**
 * True if the settings may ask for several workers. It looks without reading the whole configuration, whose code is that of
 * the gateway. It may be wrong in both directions: who has read the configuration decides.
 */
export function mayHaveWorkers(
  { flags, file }: ServeSources,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (flags.workers !== undefined) return Number(flags.workers) > 1;
  const { MILEPOST_WORKERS: given = "", MILEPOST_CONFIG: named = "" } = env;
  if (given.trim() !== "") return Number(given) > 1;
  const path = file ?? named;
  return path !== "" && Number(/"workers"\s*:\s*(\d+)/.exec(textOf(path))?.[1] ?? 1) > 1;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Whoever reads the configuration says why the file cannot be read.
    return "";
  }
}

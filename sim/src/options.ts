import { parseArgs } from "node:util";
import type { Mutant } from "./mutants/mutant.ts";
import { mutants } from "./mutants/mutants.ts";

/** What to run. */
export interface Options {
  readonly seeds: number;
  readonly first: number;
  readonly verbose: boolean;
  readonly workers: number;
  readonly mutant: Mutant | undefined;
  /** Runs every mutant instead, each until the checker has found it. */
  readonly everyMutant: boolean;
}

export const usage = `npm run sim -- [--seeds N] [--seed S] [--workers N] [--mutant NAME | --mutants] [--verbose]

  --seeds N      how many seeds; 1,000
  --seed S       the first of them; 1
  --workers N    processes; one per core
  --mutant NAME  with a fault of the product put in
  --mutants      every mutant, until the checker has found it or N seeds are over
  --verbose      every violation, and the whole plan`;

/** Reads the command line; throws what is wrong with it. */
export function readOptions(args: readonly string[], cores: number): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
      workers: { type: "string", default: String(cores) },
      mutant: { type: "string" },
      mutants: { type: "boolean", default: false },
      verbose: { type: "boolean", default: false },
    },
  });
  return {
    seeds: wholeNumber("seeds", values.seeds),
    first: wholeNumber("seed", values.seed),
    workers: wholeNumber("workers", values.workers),
    mutant: values.mutant === undefined ? undefined : mutantNamed(values.mutant),
    everyMutant: values.mutants,
    verbose: values.verbose,
  };
}

/** The mutant of a name; throws with all names when there is none. */
export function mutantNamed(name: string): Mutant {
  const found = mutants.find((mutant) => mutant.name === name);
  if (found !== undefined) return found;
  throw new Error(`--mutant must be one of: ${mutants.map((mutant) => mutant.name).join(", ")}`);
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`--${name} must be a whole number from 1 on, not ${text}`);
}

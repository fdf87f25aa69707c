import { parseArgs } from "node:util";
import type { Mutant } from "./mutants/mutant.ts";
import { mutants } from "./mutants/mutants.ts";

/** Subject of a run: whole clusters, one node with an embedded store, one queue, or questions to people. */
export type Subject = "clusters" | "embedded" | "queues" | "questions";

/** Options of the command line. */
export interface Options {
  readonly seeds: number;
  readonly first: number;
  readonly verbose: boolean;
  readonly workers: number;
  readonly mutant: Mutant | undefined;
  /** True when the run tries every mutant instead, each until the checker has found it. */
  readonly everyMutant: boolean;
  readonly subject: Subject;
}

export const usage = `npm run sim -- [--seeds N] [--seed S] [--workers N] [--mutant NAME | --mutants | --embedded | --queues | --questions] [--verbose]

  --seeds N      number of seeds (default: 1,000)
  --seed S       first seed (default: 1)
  --workers N    number of processes (default: one per core)
  --mutant NAME  run with this defect put into the product
  --mutants      run every mutant until the checker finds it, at most N seeds each
  --embedded     simulate one node with its data in a file, instead of a cluster
  --queues       simulate a queue and the people and workers around it, instead of a cluster
  --questions    simulate operations that ask questions, and the people who answer
  --verbose      print every violation and the whole plan`;

/** Parses the command line; throws an error that says what is wrong with it. */
export function readOptions(args: readonly string[], cores: number): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
      workers: { type: "string", default: String(cores) },
      mutant: { type: "string" },
      mutants: { type: "boolean", default: false },
      embedded: { type: "boolean", default: false },
      queues: { type: "boolean", default: false },
      questions: { type: "boolean", default: false },
      verbose: { type: "boolean", default: false },
    },
  });
  return {
    seeds: wholeNumber("seeds", values.seeds),
    first: wholeNumber("seed", values.seed),
    workers: wholeNumber("workers", values.workers),
    mutant: values.mutant === undefined ? undefined : mutantNamed(values.mutant),
    everyMutant: values.mutants,
    subject: subjects.find((name) => values[name]) ?? "clusters",
    verbose: values.verbose,
  };
}

const subjects = ["questions", "queues", "embedded"] as const;

/** Returns the mutant of a name; throws an error with all names when there is none. */
export function mutantNamed(name: string): Mutant {
  const found = mutants.find((mutant) => mutant.name === name);
  if (found !== undefined) return found;
  throw new Error(`--mutant must be one of: ${mutants.map((mutant) => mutant.name).join(", ")}`);
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`--${name} must be a whole number of at least 1, not ${text}`);
}

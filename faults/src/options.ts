import { type Fault, faults } from "./fault.ts";

/** Options of the command line. */
export interface Options {
  readonly faults: readonly Fault[];
  readonly rounds: number;
  readonly seed: number;
  /** True when the run checks that every mutant is found. */
  readonly mutants: boolean;
}

export const usage = `usage: npm run faults -- [--rounds N] [--only name,name] [--seed N]
       npm run faults -- --mutants [--rounds N]

${faults.map(({ name, says }) => `  ${name.padEnd(18)}${says}`).join("\n")}
`;

/** Parses the command line; returns undefined when it is invalid. */
export function readOptions(args: readonly string[]): Options | undefined {
  let rounds = 10;
  let seed = 1;
  let chosen = faults;
  const mutants = args[0] === "--mutants";
  for (let i = mutants ? 1 : 0; i < args.length; i += 2) {
    const [flag, value] = [args[i], args[i + 1]];
    if (value === undefined) return undefined;
    if (flag === "--rounds") rounds = Number(value);
    else if (flag === "--seed") seed = Number(value);
    else if (flag === "--only") {
      const names = value.split(",");
      chosen = faults.filter(({ name }) => names.includes(name));
      if (chosen.length !== names.length) return undefined;
    } else return undefined;
  }
  if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed)) return undefined;
  return { faults: chosen, rounds, seed, mutants };
}

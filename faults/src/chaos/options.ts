import { mutants } from "../mutants/mutants.ts";
import type { ChaosFault } from "./chaos-fault.ts";
import type { ChaosOptions } from "./chaos-run.ts";

/** Options of the command line. */
export interface ChaosCommand extends Omit<ChaosOptions, "onProgress"> {
  /** Folder of the report. */
  readonly out: string;
}

export function usage(faults: readonly ChaosFault[]): string {
  const rows = faults.map(({ name, says }) => `  ${name.padEnd(18)}${says}`);
  return `usage: npm run chaos -- [--minutes N] [--seed N] [--only name,name] [--without name,name]
                        [--load-connections N] [--load-rate N] [--out FOLDER] [--mutant NAME]

${rows.join("\n")}
`;
}

/** Parses the command line; returns what is wrong with it as a text. */
export function readChaosOptions(
  args: readonly string[],
  faults: readonly ChaosFault[],
): ChaosCommand | string {
  const numbers = { minutes: 10, seed: 1, "load-connections": 200, "load-rate": 50 };
  const bounds = {
    minutes: [0.1, 1_440],
    seed: [0, 2 ** 32 - 1],
    "load-connections": [0, 5_000],
    "load-rate": [1, 5_000],
  } as const;
  let out = "chaos-report";
  let mutant: string | undefined;
  let chosen = faults;
  for (let i = 0; i < args.length; i += 2) {
    const name = (args[i] ?? "").replace(/^--/, "");
    const value = args[i + 1];
    if (value === undefined) return `${args[i]} needs a value`;
    if (name in numbers) {
      const key = name as keyof typeof numbers;
      const [min, max] = bounds[key];
      const number = Number(value);
      if (!(number >= min && number <= max)) {
        return `--${name} must be a number from ${min} to ${max}, not ${JSON.stringify(value)}`;
      }
      numbers[key] = number;
    } else if (name === "out") out = value;
    else if (name === "mutant") {
      if (!mutants.some((known) => known.name === value)) return `there is no mutant "${value}"`;
      mutant = value;
    } else if (name === "only" || name === "without") {
      const names = value.split(",");
      const unknown = names.find((one) => !faults.some((fault) => fault.name === one));
      if (unknown !== undefined) return `there is no fault ${JSON.stringify(unknown)}`;
      const isNamed = (fault: ChaosFault) => names.includes(fault.name);
      chosen = chosen.filter((fault) => (name === "only" ? isNamed(fault) : !isNamed(fault)));
    } else return `there is no option ${JSON.stringify(args[i])}`;
  }
  if (chosen.length === 0) return "no fault is left; name fewer in --without";
  const { minutes, seed, "load-connections": loadConnections, "load-rate": loadRate } = numbers;
  return {
    minutes,
    seed,
    faults: chosen,
    loadConnections,
    loadRate,
    out,
    ...(mutant && { mutant }),
  };
}

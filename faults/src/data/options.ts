/** Options of the command line of `faults:data`. */
export type DataOptions =
  | { readonly kind: "kills"; readonly kills: number; readonly seed: number }
  | { readonly kind: "disk"; readonly breaks: number; readonly seed: number }
  | {
      readonly kind: "power";
      readonly images: number;
      readonly seed: number;
      readonly recordedMs: number;
      readonly mutant?: string;
    };

export const usage = `usage: npm run faults:data -- [--kills N] [--seed N]
       npm run faults:data -- --disk [--breaks N] [--seed N]
       npm run faults:data -- --power [--images N] [--recorded MS] [--seed N] [--mutant NAME]
`;

/** Parses the command line; returns undefined when it is invalid. */
export function readOptions(args: readonly string[]): DataOptions | undefined {
  const isPower = args[0] === "--power";
  const isDisk = args[0] === "--disk";
  const numbers = new Map(
    (isPower
      ? [
          ["--images", 1_000],
          ["--recorded", 1_500],
          ["--seed", 1],
        ]
      : [
          [isDisk ? "--breaks" : "--kills", isDisk ? 60 : 200],
          ["--seed", 1],
        ]) as [string, number][],
  );
  let mutant: string | undefined;
  for (let i = isPower || isDisk ? 1 : 0; i < args.length; i += 2) {
    const [flag = "", value] = [args[i], args[i + 1]];
    if (value === undefined) return undefined;
    if (isPower && flag === "--mutant") mutant = value;
    else if (numbers.has(flag) && Number.isInteger(Number(value)) && Number(value) > 0) {
      numbers.set(flag, Number(value));
    } else return undefined;
  }
  const number = (flag: string) => numbers.get(flag) ?? 1;
  const seed = number("--seed");
  if (isDisk) return { kind: "disk", breaks: number("--breaks"), seed };
  if (!isPower) return { kind: "kills", kills: number("--kills"), seed };
  return {
    kind: "power",
    images: number("--images"),
    recordedMs: number("--recorded"),
    seed,
    ...(mutant === undefined ? {} : { mutant }),
  };
}

import { judgeSeed } from "./judge.ts";
import { mutantNamed } from "./options.ts";
import { judgeQueue } from "./queue-run.ts";

/** Task of a worker. */
export interface Share {
  readonly seeds: readonly number[];
  readonly mutant: string | undefined;
  /** True when the seeds are those of queues. */
  readonly queues: boolean;
}

/** Result of one task. */
export interface ShareResult {
  readonly records: number;
  /** Seeds whose runs broke a guarantee. */
  readonly bad: readonly number[];
}

process.on("disconnect", () => process.exit());

process.on("message", (share: Share) => {
  void run(share).then((result) => process.send?.(result));
});

async function run({ seeds, mutant, queues }: Share): Promise<ShareResult> {
  const bad: number[] = [];
  let records = 0;
  const spoilt = mutant === undefined ? undefined : mutantNamed(mutant);
  for (const seed of seeds) {
    const verdict = queues ? await judgeQueue(seed) : await judgeSeed(seed, spoilt);
    records += verdict.records.length;
    if (verdict.violations.length > 0) bad.push(seed);
  }
  return { records, bad };
}

import type { Subject } from "./options.ts";
import { judgeSubject } from "./subject.ts";

/** Task of a worker. */
export interface Share {
  readonly seeds: readonly number[];
  readonly mutant: string | undefined;
  readonly subject: Subject;
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

async function run({ seeds, mutant, subject }: Share): Promise<ShareResult> {
  const bad: number[] = [];
  let records = 0;
  for (const seed of seeds) {
    const verdict = await judgeSubject(subject, seed, mutant);
    records += verdict.records.length;
    if (verdict.violations.length > 0) bad.push(seed);
  }
  return { records, bad };
}

import type { JournalRecord, Violation } from "@milepost/checker";
import type { Mutant } from "./mutants/mutant.ts";
import { makeEmbeddedPlan, makePlan, type Plan } from "./plan.ts";
import { simulate } from "./simulate.ts";
import type { EmbeddedStore } from "./store.ts";

/** Result of one run. */
export interface Verdict {
  readonly plan: Plan;
  readonly records: readonly JournalRecord[];
  readonly violations: readonly Violation[];
}

/** Runs a plan while the checker judges it; exceptions that the product must not throw count as violations. */
export async function judge(
  plan: Plan,
  mutant?: Mutant,
  embedded?: EmbeddedStore,
): Promise<Verdict> {
  const { records, violations, defects } = await simulate(plan, mutant, embedded);
  const found = defects.map(
    (defect): Violation => ({
      id: "defect",
      says: defect instanceof Error ? (defect.stack ?? defect.message) : String(defect),
      t: records.at(-1)?.t ?? 0,
      line: records.length,
    }),
  );
  return { plan, records, violations: [...violations, ...found] };
}

/** Runs and judges the plan of a seed for one node with an embedded store, whose file is in a folder. */
export function judgeEmbedded(seed: number, embedded: EmbeddedStore): Promise<Verdict> {
  return judge(makeEmbeddedPlan(seed), undefined, embedded);
}

/** Runs and judges the plan of a seed. */
export function judgeSeed(seed: number, mutant?: Mutant): Promise<Verdict> {
  return judge(makePlan(seed), mutant);
}

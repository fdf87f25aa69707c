import { judge, type Verdict } from "./judge.ts";
import type { Mutant } from "./mutants/mutant.ts";
import type { Plan } from "./plan.ts";

/** Largest number of runs for one shrinking. */
const maxRuns = 600;

/** Resolves with the verdict on the smallest plan found that still breaks a guarantee of the same id. */
export async function shrink(found: Verdict, mutant?: Mutant): Promise<Verdict> {
  const id = found.violations[0]?.id;
  let best = found;
  let runs = 0;
  const attempt = async (plan: Plan): Promise<boolean> => {
    if (runs++ >= maxRuns) return false;
    const verdict = await judge(plan, mutant);
    if (!verdict.violations.some((violation) => violation.id === id)) return false;
    best = verdict;
    return true;
  };
  for (let before = Number.POSITIVE_INFINITY; sizeOf(best.plan) < before && runs < maxRuns; ) {
    before = sizeOf(best.plan);
    await without(best.plan.readers, (readers) => attempt({ ...best.plan, readers }));
    await without(best.plan.feeds, (feeds) => attempt({ ...best.plan, feeds }));
    await without(best.plan.steps, (steps) => attempt({ ...best.plan, steps }));
    await without(best.plan.nodes.slice(1), (rest) =>
      attempt({ ...best.plan, nodes: [...best.plan.nodes.slice(0, 1), ...rest] }),
    );
    const last = best.plan.steps.at(-1)?.at ?? 0;
    if (best.plan.untilMs > last + 2_000) await attempt({ ...best.plan, untilMs: last + 1_000 });
  }
  return best;
}

/** Leaves out ever smaller parts of a list, and keeps each omission that `attempt` accepts. */
async function without<T>(
  items: readonly T[],
  attempt: (rest: readonly T[]) => Promise<boolean>,
): Promise<void> {
  let left = items;
  for (
    let size = Math.ceil(left.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < left.length; ) {
      const rest = [...left.slice(0, from), ...left.slice(from + size)];
      if (await attempt(rest)) left = rest;
      else from += size;
    }
  }
}

function sizeOf({ readers, feeds, steps, nodes, untilMs }: Plan): number {
  return readers.length + feeds.length + steps.length + nodes.length + untilMs / 1_000_000;
}

import { check } from "@milepost/checker";
import { describe, expect, test } from "vitest";
import { judge, judgeSeed, type Verdict } from "./judge.ts";
import type { Mutant } from "./mutants/mutant.ts";
import { mutants } from "./mutants/mutants.ts";
import { makePlan } from "./plan.ts";
import { shrink } from "./shrink.ts";

const seeds = 150;
/** Each showed a fault of the product, or of the checker, once. */
const telling = [
  67, 124, 791, 4077, 4474, 6051, 6425, 6915, 9856, 40_709, 42_834, 43_003, 47_468, 47_783, 7424,
];
/** Every mutant must be found in so many seeds. */
const patience = 120;

/** The first of the seeds that shows the mutant. */
async function firstFound(mutant?: Mutant): Promise<Verdict> {
  for (let seed = 1; seed <= patience; seed++) {
    const found = await judgeSeed(seed, mutant);
    if (found.violations.length > 0) return found;
  }
  return expect.unreachable(`${patience} seeds did not show it`);
}

describe("the simulation", () => {
  test(`[G1] [G2] [G3] [G4] [G5] [G7] [G8] [G9] [G10] ${seeds} clusters under faults keep what is guaranteed`, async () => {
    const all = [...Array.from({ length: seeds }, (_, i) => i + 1), ...telling];
    for (const seed of all) {
      const { violations } = await judgeSeed(seed);
      expect({ seed, violations }).toEqual({ seed, violations: [] });
    }
  }, 120_000);

  test("a seed gives the same journal again and again", async () => {
    const [first, second] = [await judgeSeed(7), await judgeSeed(7)];
    expect(first.records.length).toBeGreaterThan(100);
    expect(second.records).toEqual(first.records);
  });

  test("a journal is judged the same when it was written and read", async () => {
    const { records, violations } = await firstFound(mutants[0]);
    // The run ended with the step that broke something, and so does its journal.
    expect(violations.every(({ t }) => t === records.at(-1)?.t)).toBe(true);
    const cutOff = expect.objectContaining({ id: "journal" });
    expect(check(JSON.parse(JSON.stringify(records)))).toEqual([...violations, cutOff]);
  });
});

describe("the checker finds", () => {
  test.each(mutants)(
    "[$breaks] $name",
    async (mutant) => {
      const { plan } = await firstFound(mutant);
      // What it finds must be the mutant's doing.
      expect((await judge(plan)).violations).toEqual([]);
    },
    120_000,
  );
});

test("what fails is made smaller and fails still", async () => {
  const drop = mutants.find(({ name }) => name === "drop");
  const found = await judge(makePlan(1), drop);
  const small = await shrink(found, drop);
  expect(small.violations).not.toEqual([]);
  expect(small.plan.steps.length).toBeLessThan(found.plan.steps.length / 2);
}, 60_000);

import { check } from "@milepost/checker";
import { describe, expect, test } from "vitest";
import { judge, judgeSeed, type Verdict } from "./judge.ts";
import type { Mutant } from "./mutants/mutant.ts";
import { mutants } from "./mutants/mutants.ts";
import { makePlan } from "./plan.ts";
import { shrink } from "./shrink.ts";

const seeds = 150;
/** Seeds that each showed a defect of the product, or of the checker, in the past. */
const telling = [
  67, 124, 791, 4077, 4474, 6051, 6425, 6915, 9856, 40_709, 42_834, 43_003, 47_468, 47_783, 7424,
];
/** Number of seeds within which every mutant must be found. */
const patience = 120;

/** Returns the verdict of the first seed that shows that the mutant breaks its guarantee. */
async function firstFound(mutant: Mutant): Promise<Verdict> {
  for (let seed = 1; seed <= patience; seed++) {
    const found = await judgeSeed(seed, mutant);
    const ids = found.violations.map(({ id }) => id);
    // A mutant that throws is broken itself, and shows nothing.
    expect(ids, JSON.stringify(found.violations)).not.toContain("defect");
    if (ids.includes(mutant.shownAs ?? mutant.breaks)) return found;
  }
  return expect.unreachable(`${patience} seeds did not show it`);
}

describe("the simulation of a cluster", () => {
  test(`[G1] [G2] [G3] [G4] [G5] [G7] [G8] [G9] [G10] ${seeds} simulated clusters under faults keep every guarantee`, async () => {
    const all = [...Array.from({ length: seeds }, (_, i) => i + 1), ...telling];
    for (const seed of all) {
      const { violations } = await judgeSeed(seed);
      expect({ seed, violations }).toEqual({ seed, violations: [] });
    }
  }, 120_000);

  test("a seed always gives the same journal", async () => {
    const [first, second] = [await judgeSeed(7), await judgeSeed(7)];
    expect(first.records.length).toBeGreaterThan(100);
    expect(second.records).toEqual(first.records);
  });

  test("the checker gives the same verdict while a journal is written and when it is read again", async () => {
    const { records, violations } = await firstFound(mutants[0] as Mutant);
    // The run ended with the step that broke a guarantee, and so does its journal.
    expect(violations.every(({ t }) => t === records.at(-1)?.t)).toBe(true);
    const cutOff = expect.objectContaining({ id: "journal" });
    expect(check(JSON.parse(JSON.stringify(records)))).toEqual([...violations, cutOff]);
  });
});

describe("the checker finds mutants of the product", () => {
  test.each(mutants)(
    "[$breaks] the checker finds the mutant $name",
    async (mutant) => {
      const { plan } = await firstFound(mutant);
      // The mutant alone must cause the violation.
      expect((await judge(plan)).violations).toEqual([]);
    },
    120_000,
  );
});

test("a plan that breaks a guarantee is shrunk to a smaller one that still breaks it", async () => {
  const drop = mutants.find(({ name }) => name === "drop");
  const found = await judge(makePlan(1), drop);
  const small = await shrink(found, drop);
  expect(small.violations).not.toEqual([]);
  expect(small.plan.steps.length).toBeLessThan(found.plan.steps.length / 2);
}, 60_000);

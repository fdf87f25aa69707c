import { expect, test } from "vitest";
import { testCore } from "../testing/index.ts";
import { type Quarters, randomOf, runQuarters } from "../testing/quarter-runs.ts";

const kinds: Readonly<
  Record<string, (i: number, random: ReturnType<typeof randomOf>) => Quarters>
> = {
  steady: (_, { normal, quarters }) => quarters(60_000 * Math.exp(0.1 * normal()), 0.1),
  "heavy-tailed": (_, { fraction, quarters }) =>
    quarters(10_000 * (1 - fraction()) ** (-1 / 1.5), 0.3),
  drifting: (i, { normal, quarters }) =>
    quarters(20_000 * (1 + i / 350) * (i > 600 ? 0.4 : 1) * Math.exp(0.2 * normal()), 0.2),
};

test.each(Object.entries(kinds))(
  "[P-EST-4] of 1,000 runs of a %s kind after 50, the share below each told bound is within five points of nominal",
  async (name, kind) => {
    await using t = testCore();
    const random = randomOf(name.length * 7_919);
    const tallies = [0, 1, 2, 3].map(() => ({ below50: 0, below90: 0 }));
    for (let i = 0; i < 1_050; i++) {
      const quarters = kind(i, random);
      const { asked } = await runQuarters(t, name, quarters);
      if (i < 50) continue;
      for (const [at, tally] of tallies.entries()) {
        const left = quarters.slice(at).reduce((a, b) => a + b, 0);
        const { p50_ms, p90_ms } = asked[at]?.estimate?.remaining ?? { p50_ms: -1, p90_ms: -1 };
        if (left < p50_ms) tally.below50++;
        if (left < p90_ms) tally.below90++;
      }
    }
    for (const { below50, below90 } of tallies) {
      expect(Math.abs(below50 / 1_000 - 0.5)).toBeLessThan(0.05);
      expect(Math.abs(below90 / 1_000 - 0.9)).toBeLessThan(0.05);
      expect(Math.abs((below90 - below50) / 1_000 - 0.4)).toBeLessThan(0.05);
    }
  },
);

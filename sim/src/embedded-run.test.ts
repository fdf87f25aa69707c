import { rm } from "node:fs/promises";
import { acknowledgesEarly, scratchFolder } from "@milepost/sqlite/testing";
import { afterAll, describe, expect, test } from "vitest";
import { judgeEmbedded } from "./judge.ts";

const seeds = 50;
/** Number of seeds within which the mutant must be found. */
const patience = 60;
const folder = await scratchFolder();
afterAll(() => rm(folder, { recursive: true }));

describe("the simulation of one node with an embedded store", () => {
  test(`[P-DATA-1] [P-DATA-2] [G1] [G2] [G3] [G4] [G9] ${seeds} simulated gateways whose process is killed with their file keep every guarantee`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { violations } = await judgeEmbedded(seed, { folder });
      expect({ seed, violations }).toEqual({ seed, violations: [] });
    }
  }, 120_000);

  test("a seed always gives the same journal", async () => {
    const [first, second] = [
      await judgeEmbedded(3, { folder }),
      await judgeEmbedded(3, { folder }),
    ];
    expect(first.records.length).toBeGreaterThan(100);
    expect(second.records).toEqual(first.records);
  });

  test("[P-DATA-1] the checker finds a store that acknowledges before it commits", async () => {
    for (let seed = 1; seed <= patience; seed++) {
      const { violations } = await judgeEmbedded(seed, { folder, spoil: acknowledgesEarly });
      const ids = violations.map(({ id }) => id);
      expect(ids, JSON.stringify(violations)).not.toContain("defect");
      if (ids.length > 0) {
        expect((await judgeEmbedded(seed, { folder })).violations).toEqual([]);
        return;
      }
    }
    expect.unreachable(`${patience} seeds did not show it`);
  }, 120_000);
});

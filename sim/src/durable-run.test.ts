import { describe, expect, test } from "vitest";
import { durableMutants, runDurable } from "./durable-run.ts";

const seeds = Array.from({ length: 60 }, (_, seed) => seed);

describe("one durable subscriber through cuts, takeovers, refusals and a store that comes and goes", () => {
  test("[G11] has every entry acknowledged, pending or in the dead letters, whatever the seed", async () => {
    for (const seed of seeds) expect([seed, await runDurable(seed)]).toEqual([seed, []]);
  });

  test.each(Object.entries(durableMutants))(
    "[G11] the checker finds the mutant: %s",
    async (_, spoil) => {
      for (const seed of seeds) if ((await runDurable(seed, spoil)).length > 0) return;
      expect.unreachable("no seed shows it");
    },
  );
});

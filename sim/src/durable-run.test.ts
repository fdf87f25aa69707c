import { describe, expect, test } from "vitest";
import { durableMutants, runDurable } from "./durable-run.ts";

const seeds = Array.from({ length: 60 }, (_, seed) => seed);

describe("a durable subscriber through cuts, takeovers, refusals and store outages", () => {
  test("[G11] every entry is acknowledged, pending or in the dead-letter queue, for every seed", async () => {
    for (const seed of seeds) expect([seed, await runDurable(seed)]).toEqual([seed, []]);
  });

  test.each(Object.entries(durableMutants))(
    '[G11] the checker finds the mutant "%s" of durable delivery',
    async (_, spoil) => {
      for (const seed of seeds) if ((await runDurable(seed, spoil)).length > 0) return;
      expect.unreachable("no seed shows it");
    },
  );
});

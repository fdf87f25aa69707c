import { describe, expect, test } from "vitest";
import { queueMutants } from "./mutants/queue-mutants.ts";
import { runQueue } from "./queue-run.ts";

const seeds = Array.from({ length: 100 }, (_, seed) => seed);

describe("a queue through lost answers, dead workers, people who go, and outages of its store", () => {
  test("[P-QUE-55] [P-QUE-59] [P-QUE-60] [P-QUE-62] no ticket is lost or served twice, and every lane moves, for every seed", async () => {
    for (const seed of seeds) expect([seed, await runQueue(seed)]).toEqual([seed, []]);
  });

  test.each(Object.entries(queueMutants))(
    'the checker finds the mutant "%s" of queues',
    async (_, spoil) => {
      for (const seed of seeds) if ((await runQueue(seed, spoil)).length > 0) return;
      expect.unreachable("no seed shows it");
    },
  );
});

import { describe, expect, test } from "vitest";
import { questionMutants } from "./mutants/question-mutants.ts";
import { runQuestions } from "./question-run.ts";

const seeds = Array.from({ length: 200 }, (_, seed) => seed + 1);

describe("questions through lost answers, dead nodes, and a store that refuses or forgets to answer", () => {
  test("[P-QST-3] [P-QST-4] [P-QST-6] [P-QST-7] [P-QST-8] [P-INB-5] one answer counts, nothing stays open, and log and inboxes agree, for every seed", async () => {
    for (const seed of seeds.slice(0, 25))
      expect([seed, await runQuestions(seed)]).toEqual([seed, []]);
  });

  test("[P-QST-8] [P-QST-11] what came in the moment of an operation's end is over too", async () => {
    // Seeds that once left a question open: its operation ended between two steps of the node that looked after it.
    for (const seed of [716, 2197]) expect([seed, await runQuestions(seed)]).toEqual([seed, []]);
  });

  test.each(Object.entries(questionMutants))(
    'the checker finds the mutant "%s" of questions',
    async (_, spoil) => {
      for (const seed of seeds) if ((await runQuestions(seed, spoil)).length > 0) return;
      expect.unreachable("no seed shows it");
    },
  );
});

import type { JournalRecord, Violation } from "@milepost/checker";
import { judgeSeed } from "./judge.ts";
import { mutantNamed, type Subject } from "./options.ts";
import { judgeQuestions } from "./question-run.ts";
import { judgeQueue } from "./queue-run.ts";

/** Runs one seed of a subject; a mutant of clusters may be put into the product. */
export function judgeSubject(
  subject: Subject,
  seed: number,
  mutant?: string,
): Promise<{
  readonly records: readonly JournalRecord[];
  readonly violations: readonly Violation[];
}> {
  if (subject === "queues") return judgeQueue(seed);
  if (subject === "questions") return judgeQuestions(seed);
  return judgeSeed(seed, mutant === undefined ? undefined : mutantNamed(mutant));
}

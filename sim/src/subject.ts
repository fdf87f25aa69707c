import { rmSync } from "node:fs";
import type { JournalRecord, Violation } from "@milepost/checker";
import { scratchFolder } from "@milepost/sqlite/testing";
import { judgeEmbedded, judgeSeed } from "./judge.ts";
import { mutantNamed, type Subject } from "./options.ts";
import { judgeQuestions } from "./question-run.ts";
import { judgeQueue } from "./queue-run.ts";

/** Runs one seed of a subject; a mutant of clusters may be put into the product. */
export async function judgeSubject(
  subject: Subject,
  seed: number,
  mutant?: string,
): Promise<{
  readonly records: readonly JournalRecord[];
  readonly violations: readonly Violation[];
}> {
  if (subject === "queues") return judgeQueue(seed);
  if (subject === "embedded") return judgeEmbedded(seed, { folder: await folderOfProcess() });
  if (subject === "questions") return judgeQuestions(seed);
  return judgeSeed(seed, mutant === undefined ? undefined : mutantNamed(mutant));
}

let folder: Promise<string> | undefined;

/** Makes one folder for the files of all seeds of this process, and removes it with the process. */
function folderOfProcess(): Promise<string> {
  folder ??= scratchFolder().then((path) => {
    process.once("exit", () => rmSync(path, { recursive: true, force: true }));
    return path;
  });
  return folder;
}

import { MilepostError } from "@milepost/protocol";
import {
  type FinishedCase,
  maxDurationCounts,
  maxDurationKind,
  maxDurationRecord,
} from "./ports/durations.ts";

/** Rejects a case that is beyond the bounds of `Durations`. */
export function requireCaseFits(kind: string, { record, counts }: FinishedCase): void {
  const names = Object.entries(counts);
  const fits =
    kind.length <= maxDurationKind &&
    record.length <= maxDurationRecord &&
    !record.includes("\n") &&
    names.length <= maxDurationCounts &&
    names.every(([name, count]) => /^[A-Za-z0-9]{1,16}$/.test(name) && count >= 0);
  if (fits) return;
  throw new MilepostError(
    "bad_message",
    `a kind has at most ${maxDurationKind} characters, a record ${maxDurationRecord} on one line, and a case ${maxDurationCounts} counts`,
  );
}

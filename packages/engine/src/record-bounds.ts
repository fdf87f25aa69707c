import { MilepostError } from "@milepost/protocol";
import { maxRecordName, maxRecordValue } from "./ports/records.ts";

/** Throws `bad_message` for a record that is longer than a store takes. */
export function requireRecordFits(name: string, value: string): void {
  if (name.length <= maxRecordName && value.length <= maxRecordValue) return;
  throw new MilepostError(
    "bad_message",
    `a record has a name of at most ${maxRecordName} characters and a value of at most ${maxRecordValue}`,
  );
}

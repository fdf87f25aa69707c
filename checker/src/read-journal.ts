import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { JournalRecord } from "./records.ts";

/** Reads a journal with one JSON object per line; throws with the line number when a line is not a record. */
export async function readJournal(path: string): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(path) })) {
    line++;
    if (text === "") continue;
    records.push(readRecord(text, line));
  }
  return records;
}

function readRecord(text: string, line: number): JournalRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`line ${line} is not valid JSON`);
  }
  if (!isRecord(value)) throw new Error(`line ${line} is not a record: it needs a type and a t`);
  return value;
}

function isRecord(value: unknown): value is JournalRecord {
  if (typeof value !== "object" || value === null) return false;
  const { type, t } = value as { type?: unknown; t?: unknown };
  return typeof type === "string" && typeof t === "number";
}

import type { MissedEntries } from "@milepost/client";

const reasonWords = {
  trimmed: "the service no longer keeps what happened in the meantime",
  epoch_changed: "the service started a new log",
  tag_mismatch: "the service lost the end of its log",
  limit: "too much happened in the meantime to send it all",
  shown: "they were shown before",
  store_unavailable: "the service could not read its log",
  missing: "the service skipped them",
} as const satisfies Record<MissedEntries["reason"], string>;

/** Returns a sentence that says that entries of a run were missed, and why; undefined when none was missed. */
export function missedWords(missed: MissedEntries | undefined): string | undefined {
  if (missed === undefined) return undefined;
  const state = missed.replaced ? "The state shown is exact." : "The state shown may lack them.";
  return `Some updates were missed: ${reasonWords[missed.reason]}. ${state}`;
}

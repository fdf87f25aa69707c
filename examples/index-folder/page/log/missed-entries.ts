import type { MissedEntries } from "@milepost/client";

const reasonWords = {
  trimmed: "the service no longer keeps what happened meanwhile",
  epoch_changed: "the service began its log anew",
  tag_mismatch: "the service lost the end of its log",
  limit: "more happened meanwhile than is sent again",
  store_unavailable: "the service could not read its log",
  missing: "the service skipped them",
} as const satisfies Record<MissedEntries["reason"], string>;

/** Says that entries of a run were not received one by one, and why; undefined when none was missed. */
export function missedWords(missed: MissedEntries | undefined): string | undefined {
  if (missed === undefined) return undefined;
  const state = missed.replaced ? "The state shown is exact." : "The state shown may lack them.";
  return `Some steps were not watched: ${reasonWords[missed.reason]}. ${state}`;
}

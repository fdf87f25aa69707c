import type { Fact } from "../records.ts";

/** Recorder of a journal's facts. */
export interface Recorder {
  add(fact: Fact): void;
}

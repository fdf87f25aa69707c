import type { Fact } from "../records.ts";

/** Takes down what happened. */
export interface Recorder {
  add(fact: Fact): void;
}

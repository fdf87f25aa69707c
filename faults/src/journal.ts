import type { Fact, JournalRecord } from "@milepost/checker";
import type { Recorder } from "@milepost/checker/recording";

/** Journal of what was observed from outside the gateway, in order. */
export class Journal implements Recorder {
  readonly records: JournalRecord[] = [];

  /** Current time in milliseconds; it never goes backwards. */
  get now(): number {
    return Math.round(performance.now() * 1_000) / 1_000;
  }

  add(fact: Fact): void {
    this.records.push({ ...fact, t: this.now });
  }
}

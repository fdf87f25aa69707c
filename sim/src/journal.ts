import { Checker, type Fact, type JournalRecord, type Violation } from "@milepost/checker";
import type { VirtualTime } from "./virtual-time.ts";

/** Journal of a simulation, in order; each record is checked as it is written. */
export class Journal {
  readonly records: JournalRecord[] = [];
  readonly #time: VirtualTime;
  readonly #checker = new Checker();
  #sealed = false;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  add(fact: Fact): void {
    if (this.#sealed) return;
    const record = { ...fact, t: Math.round(this.#time.monotonic() * 1_000) / 1_000 };
    this.records.push(record);
    this.#checker.take(record);
  }

  /** Violations found so far. */
  get violations(): readonly Violation[] {
    return this.#checker.violations;
  }

  /** Ends the journal and ignores later records. */
  seal(): void {
    this.add({ type: "end" });
    this.#sealed = true;
  }
}

import { createHash } from "node:crypto";
import { Checker, type Fact, type JournalRecord, type Violation } from "@milepost/checker";
import type { VirtualTime } from "./virtual-time.ts";

/** What happened, in order; each record is checked as it is written. */
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

  /** What the checker found so far. */
  get violations(): readonly Violation[] {
    return this.#checker.violations;
  }

  /** Ends it: what is still under way concerns nobody. */
  seal(): void {
    this.add({ type: "end" });
    this.#sealed = true;
  }
}

/** From here on a hash of the platform is cheaper. */
const longText = 300;

/** A short hash of data, to tell whether it is the same; of its JSON text. */
export function hashOf(json: string): string {
  if (json.length > longText) return createHash("sha1").update(json).digest("base64url");
  let a = 0x811c9dc5;
  let b = 0x1b873593;
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b) + i;
  }
  return (a >>> 0).toString(36) + (b >>> 0).toString(36);
}

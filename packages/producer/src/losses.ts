import type { ErrorCode, MilepostError } from "@milepost/protocol";
import type { Complaint } from "./field-repair.ts";

/** Tells the problem listener of something that does not arrive. */
export type TellLoss = (code: ErrorCode, message: string, event: string) => void;

/** Parts of an operation's reports that are known not to arrive. */
export class Losses {
  readonly #tell: TellLoss;
  /** Fields about which a complaint was told, so that a job which reports often is not told often. */
  readonly #complainedOf = new Set<string>();
  #isAny = false;

  constructor(tell: TellLoss) {
    this.#tell = tell;
  }

  /** True once something that was reported is known not to arrive. */
  get isAny(): boolean {
    return this.#isAny;
  }

  /** Begins anew, for the next attempt. Each field is still told of only once. */
  reset(): void {
    this.#isAny = false;
  }

  /** Tells what an event loses before it is sent. Each field of an event is told of once. */
  complain(complaints: readonly Complaint[], event: string): void {
    for (const { field, message } of complaints) {
      const what = `${event}.${field}`;
      this.#isAny = true;
      if (field !== "" && this.#complainedOf.has(what)) continue;
      this.#complainedOf.add(what);
      this.#tell("bad_message", message, event);
    }
  }

  /** Tells what was lost by a refusal. */
  refused({ code, message }: MilepostError, what: string, event: string): void {
    this.#isAny = true;
    this.#tell(code, `the gateway refused ${what}: ${message}`, event);
  }
}

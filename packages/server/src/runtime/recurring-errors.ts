import type { Clock } from "@milepost/engine";
import { reasonOf } from "./reason.ts";

const remindEveryMs = 30_000;
const maxKinds = 32;

/** A fault as it is told. */
export interface ReportedError {
  readonly reason: string;
  /** How often the like of it came since it was told last; absent the first time. */
  readonly times?: number;
}

/** Faults of something that tries again and again: one is told when it comes first, and while it goes on every 30 s. */
export class RecurringErrors {
  readonly #clock: Clock;
  readonly #tell: (fault: ReportedError) => void;
  readonly #kinds = new Map<string, { toldAt: number; times: number }>();

  constructor(clock: Clock, tell: (fault: ReportedError) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  readonly report = (error: unknown): void => {
    const reason = reasonOf(error);
    const now = this.#clock.monotonic();
    const kind = kindOf(error, reason);
    const known = this.#kinds.get(kind);
    if (known === undefined) {
      // What differs each time must not be remembered for ever.
      if (this.#kinds.size >= maxKinds) this.#kinds.clear();
      this.#kinds.set(kind, { toldAt: now, times: 0 });
      this.#tell({ reason });
      return;
    }
    known.times++;
    if (now - known.toldAt < remindEveryMs) return;
    this.#tell({ reason, times: known.times });
    known.toldAt = now;
    known.times = 0;
  };
}

function kindOf(error: unknown, reason: string): string {
  return typeof error === "object" && error !== null && "code" in error
    ? String(error.code)
    : reason;
}

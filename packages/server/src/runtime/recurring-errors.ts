import type { Clock } from "@milepost/engine";
import { reasonOf } from "./reason.ts";

const remindEveryMs = 30_000;
const maxKinds = 32;

/** Error to report, with the number of its repetitions. */
export interface ReportedError {
  readonly reason: string;
  /** Number of errors of this kind since the last report; absent in the first report. */
  readonly times?: number;
}

/**
 * Limits the error reports of something that retries. An error is reported when it first occurs, then every 30
 * s while it recurs.
 */
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
      // Errors that differ each time must not fill the memory.
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

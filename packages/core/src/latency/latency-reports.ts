import type { Clock } from "@milepost/engine";
import type { CoreInstruments } from "../runtime/instruments.ts";

/** Maximum number of ages in one report. */
export const maxReportedAges = 32;
/** Greatest age that a report may name, in milliseconds: an hour. */
export const maxReportedAgeMs = 3_600_000;
/** Time between two reports of one connection that count, in milliseconds. */
const betweenReportsMs = 5_000;
const second = 1_000;

/** Connection that reports how old entries were when they reached its client. */
export interface LatencyReporter {
  /** Time the connection was opened, in milliseconds since 1970. */
  readonly since: number;
  /** True for an open connection that lasts longer than one request. */
  readonly isRegistered: boolean;
}

/** Answer to a report. */
export interface LatencyReceipt {
  /** Time of the store in milliseconds since 1970, by which entries have their `ts`. */
  readonly now: number;
  /** Number of ages of the report that were counted. */
  readonly counted: number;
}

/** Parts of the node that {@link LatencyReports} uses. */
export interface LatencyReportParts {
  readonly clock: Clock;
  /** Returns the time of the store in milliseconds since 1970. */
  now(): number;
  /** Maximum number of ages that count within a second. */
  readonly perSecond: number;
  readonly instruments: Pick<CoreInstruments, "publishToClient" | "latencySamplesRefused">;
}

/**
 * Counts the ages of entries that clients report.
 *
 * Nobody can check what a client measured, so a report can do little. Its ages are bounded, a connection reports once in
 * 5 s, and no entry can have been under way for longer than the connection exists. What a node counts within a second
 * is bounded for all clients together.
 */
export class LatencyReports {
  readonly #parts: LatencyReportParts;
  /** Time on the monotonic clock of the last report that counted, by connection. */
  readonly #last = new WeakMap<LatencyReporter, number>();
  #counted = 0;
  #until = 0;

  constructor(parts: LatencyReportParts) {
    this.#parts = parts;
  }

  /** Counts the ages of a report, in milliseconds. Without ages, it only asks for the time. */
  take(reporter: LatencyReporter, ages: readonly number[]): LatencyReceipt {
    const { clock, instruments, now } = this.#parts;
    const refused = instruments.latencySamplesRefused;
    let counted = 0;
    if (ages.length > 0) {
      if (!reporter.isRegistered) refused.passing.add(ages.length);
      else if (!this.#isDue(reporter)) refused.rate.add(ages.length);
      else {
        const longestMs = clock.now() - reporter.since;
        for (const ageMs of ages) {
          if (ageMs > longestMs) refused.impossible.add(1);
          else if (!this.#hasRoom()) refused.rate.add(1);
          else {
            instruments.publishToClient.observe(ageMs);
            counted++;
          }
        }
      }
    }
    return { now: Math.round(now()), counted };
  }

  #isDue(reporter: LatencyReporter): boolean {
    const now = this.#parts.clock.monotonic();
    const last = this.#last.get(reporter);
    if (last !== undefined && now - last < betweenReportsMs) return false;
    this.#last.set(reporter, now);
    return true;
  }

  #hasRoom(): boolean {
    const now = this.#parts.clock.monotonic();
    if (now >= this.#until) {
      this.#until = now + second;
      this.#counted = 0;
    }
    if (this.#counted >= this.#parts.perSecond) return false;
    this.#counted++;
    return true;
  }
}

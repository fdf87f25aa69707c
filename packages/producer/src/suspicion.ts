/** Number of refusals of one report before an empty report is tried in its place. */
const refusalsBefore = 5;
/** Number of empty reports that must pass between refusals before the report is given up. */
const probesNeeded = 3;

/**
 * Decides whether something between the producer and its gateway refuses one report, or every request for a
 * while. A report that is refused again and again, while empty reports pass in between, would keep all reports
 * after it from the gateway.
 */
export class Suspicion {
  #refusals = 0;
  #probes = 0;
  #wantsProbe = false;

  /** True if an empty report should be sent next. */
  get wantsProbe(): boolean {
    return this.#wantsProbe;
  }

  /** Counts a refusal of a report that was sent alone. Returns true if the report has to be given up. */
  refused(): boolean {
    this.#refusals++;
    if (this.#refusals < refusalsBefore) return false;
    if (this.#probes >= probesNeeded) return true;
    this.#wantsProbe = true;
    return false;
  }

  /** Counts an empty report that passed. */
  passed(): void {
    this.#probes++;
    this.#wantsProbe = false;
  }

  /** Forgets everything, since a report has passed or was given up. */
  clear(): void {
    this.#refusals = 0;
    this.#probes = 0;
    this.#wantsProbe = false;
  }
}

import type { EntryRecord, LeaseRecord, PublishedRecord, PublishRecord } from "./records.ts";
import type { Accuse } from "./violation.ts";

/**
 * Checks that a producer changes nothing more once another one has taken over its lease.
 *
 * Only requests made after the next fence was issued are judged; a request under way at that time may count.
 */
export class FenceChecks {
  readonly #fences = new Map<string, number>();
  /** Requests that came too late, as `publisher#n`. */
  readonly #stale = new Set<string>();
  /** True for each channel and key that was requested in time at least once. */
  readonly #inTime = new Map<string, boolean>();

  lease({ channel, fence }: LeaseRecord, accuse: Accuse): void {
    const last = this.#fences.get(channel) ?? 0;
    if (fence <= last) accuse("G9", `fence ${fence} of ${channel} was issued after fence ${last}`);
    this.#fences.set(channel, Math.max(last, fence));
  }

  publish({ publisher, n, channel, key, fence }: PublishRecord): void {
    if (fence === undefined) return;
    const isStale = fence < (this.#fences.get(channel) ?? 0);
    if (isStale) this.#stale.add(`${publisher}#${n}`);
    const name = `${channel} ${key}`;
    this.#inTime.set(name, this.#inTime.get(name) === true || !isStale);
  }

  published({ publisher, n, outcome, position }: PublishedRecord, accuse: Accuse): void {
    if (outcome !== "stored" || !this.#stale.has(`${publisher}#${n}`)) return;
    accuse("G9", `${publisher} has an outdated fence and was acknowledged at ${position}`);
  }

  entry({ channel, key = "", position }: EntryRecord, accuse: Accuse): void {
    if (this.#inTime.get(`${channel} ${key}`) !== false) return;
    accuse("G9", `${position} of ${channel} was stored with an outdated fence`);
  }
}

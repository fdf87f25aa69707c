import type { EntryRecord, LeaseRecord, PublishedRecord, PublishRecord } from "./records.ts";
import type { Accuse } from "./violation.ts";

/**
 * Who was followed by another holder of the lease changes nothing any more.
 *
 * Judged is what was asked for after the next fence had been given out; what was under way then may count.
 */
export class FenceChecks {
  readonly #fences = new Map<string, number>();
  /** Asks that came too late, by publisher and number. */
  readonly #stale = new Set<string>();
  /** By channel and key: whether it was ever asked for in time. */
  readonly #inTime = new Map<string, boolean>();

  lease({ channel, fence }: LeaseRecord, accuse: Accuse): void {
    const last = this.#fences.get(channel) ?? 0;
    if (fence <= last) accuse("G9", `fence ${fence} of ${channel} was given out after ${last}`);
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
    accuse("G9", `${publisher} has an old fence and was acknowledged at ${position}`);
  }

  entry({ channel, key = "", position }: EntryRecord, accuse: Accuse): void {
    if (this.#inTime.get(`${channel} ${key}`) !== false) return;
    accuse("G9", `${position} of ${channel} was stored for an old fence`);
  }
}

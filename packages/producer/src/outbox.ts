import { absorb } from "./absorb.ts";
import { Chain, type Link } from "./chain.ts";
import { mergeReports } from "./merge.ts";
import { closesSlot, type Report, reportBytes, slotOf, type Weight, weightOf } from "./report.ts";

/** Maximum size in bytes and maximum number of the reports on one operation that wait to be delivered. */
export interface OutboxBounds {
  readonly maxBytes: number;
  readonly maxReports: number;
}

/**
 * A report that was taken for sending, with its idempotency key. The gateway stores a repeated report with the
 * same key only once.
 */
export interface Sent {
  readonly key: string;
  readonly report: Report;
  /** Size that the report counts with in the outbox, in bytes. */
  readonly bytes: number;
}

interface Waiting {
  report: Report;
  bytes: number;
  readonly weight: Weight | "notice";
  readonly slot: string | undefined;
  /**
   * True for the report that begins its step or agent. The positions of these reports preserve the order in
   * which steps and agents began.
   */
  readonly opens: boolean;
}

type Place = Link<Waiting>;

/** Size that a notice counts with, whatever the numbers in it. */
const noticeBytes = 320;

/** Weights in the order in which reports are dropped when a bound is reached. */
const dropOrder = ["info", "state", "text", "warning"] as const satisfies readonly Weight[];

type Droppable = (typeof dropOrder)[number];
type Dropped = Record<Droppable, number>;

function isDroppable(weight: Weight | "notice"): weight is Droppable {
  return (dropOrder as readonly string[]).includes(weight);
}

/**
 * Bounded queue of the reports on one operation, in order.
 *
 * - A report of state (steps, progress, agents, queue position) is merged with the waiting report of the same
 *   slot, at the position of the newer one. The report that begins a step or agent keeps its own position in
 *   the queue. Nothing is merged across a lifecycle report.
 * - Pieces of a text stream are joined up to 64 Ki characters.
 * - Above a bound the outbox drops the oldest log lines of level info first, then state, then text, then log
 *   lines of level warning. One warning in the log states how many reports were dropped. Lifecycle reports and
 *   counts are never dropped; counts of the same counter are summed.
 * - Reports that were taken keep their key and content until they are settled.
 */
export class Outbox {
  readonly #bounds: OutboxBounds;
  readonly #keyPrefix: string;
  #keys = 0;
  #sent: Sent[] = [];
  #sentBytes = 0;
  #waiting = new Chain<Waiting>();
  #waitingBytes = 0;
  /** Reports that may be dropped, by weight and oldest first. */
  readonly #droppable: Readonly<Record<Droppable, Set<Place>>> = {
    info: new Set(),
    state: new Set(),
    text: new Set(),
    warning: new Set(),
  };
  /** The waiting report of each slot with which a newer report may be merged. */
  readonly #latest = new Map<string, Place>();
  /** Slots of the steps and agents that have begun and not ended. */
  readonly #open = new Set<string>();
  /** True once a report was dropped because a bound was reached. */
  hasDropped = false;
  #notice: { readonly place: Place; readonly dropped: Dropped } | undefined;

  constructor(bounds: OutboxBounds, keyPrefix: string) {
    this.#bounds = bounds;
    this.#keyPrefix = keyPrefix;
  }

  /** Number of reports that wait or were taken but not settled. */
  get size(): number {
    return this.#sent.length + this.#waiting.size;
  }

  /** Approximate size of the reports that wait or were taken but not settled, in bytes. */
  get bytes(): number {
    return this.#sentBytes + this.#waitingBytes;
  }

  /**
   * Merges a frequent kind of report into the newest waiting one, if that has the same slot. Returns false, with nothing
   * changed, for any other report; {@link Outbox.add} then takes it once it was made valid. Never throws.
   */
  absorb(report: Report): boolean {
    const last = this.#waiting.last?.value;
    if (last?.slot === undefined) return false;
    try {
      const growth = absorb(last.report, report);
      if (growth === undefined) return false;
      last.bytes += growth;
      this.#waitingBytes += growth;
    } catch {
      return false;
    }
    if (this.#isOver()) this.#shrink();
    return true;
  }

  /** Adds a report. Never fails. */
  add(report: Report): void {
    const weight = weightOf(report);
    const slot = slotOf(report);
    if (weight === "lifecycle") this.#latest.clear();
    if (report.event === "started") this.#open.clear();
    if (slot === undefined) this.#push(report, weight);
    else if (weight === "text" || weight === "count") this.#addText(report, slot, weight);
    else this.#addState(report, slot);
    if (this.#isOver()) this.#shrink();
  }

  #addText(report: Report, slot: string, weight: "text" | "count"): void {
    const latest = this.#latest.get(slot);
    const merged = latest && mergeReports(latest.value.report, report);
    if (latest && merged) this.#replace(latest, merged);
    else this.#push(report, weight, slot);
  }

  #addState(report: Report, slot: string): void {
    const closes = closesSlot(report);
    const spans = report.event === "step" || report.event === "agent";
    const opens = spans && !closes && !this.#open.has(slot);
    if (closes) this.#open.delete(slot);
    else if (spans) this.#open.add(slot);

    const latest = this.#latest.get(slot);
    if (latest && !opens) {
      const staysApart = latest.value.opens && (closes || latest !== this.#waiting.last);
      const merged = staysApart ? undefined : mergeReports(latest.value.report, report);
      if (merged && latest === this.#waiting.last) {
        this.#replace(latest, merged);
        return;
      }
      if (merged) {
        this.#remove(latest);
        report = merged;
      }
    }
    this.#push(report, "state", slot, opens);
  }

  #push(report: Report, weight: Weight, slot?: string, opens = false): void {
    const bytes = reportBytes(report);
    const place = this.#waiting.append({ report, bytes, weight, slot, opens });
    this.#waitingBytes += bytes;
    if (isDroppable(weight)) this.#droppable[weight].add(place);
    if (slot !== undefined) this.#latest.set(slot, place);
  }

  #replace({ value }: Place, report: Report): void {
    this.#waitingBytes -= value.bytes;
    value.report = report;
    value.bytes = reportBytes(report);
    this.#waitingBytes += value.bytes;
  }

  #remove(place: Place): void {
    const { bytes, weight, slot } = place.value;
    this.#waiting.remove(place);
    this.#waitingBytes -= bytes;
    if (isDroppable(weight)) this.#droppable[weight].delete(place);
    if (slot !== undefined && this.#latest.get(slot) === place) this.#latest.delete(slot);
    if (this.#notice?.place === place) {
      place.value.report = noticeOf(this.#notice.dropped);
      this.#notice = undefined;
    }
  }

  #isOver(): boolean {
    return this.bytes > this.#bounds.maxBytes || this.size > this.#bounds.maxReports;
  }

  #shrink(): void {
    while (this.#isOver()) {
      const weight = dropOrder.find((candidate) => this.#droppable[candidate].size > 0);
      if (weight === undefined) return;
      for (const victim of this.#droppable[weight]) {
        this.#tellDropped(victim, weight);
        this.#remove(victim);
        break;
      }
    }
  }

  /**
   * Inserts or updates the notice that states how many reports were dropped. The notice has the position of the
   * first dropped report, so readers of the log see where reports are missing.
   */
  #tellDropped(victim: Place, weight: Droppable): void {
    const dropped = this.#notice?.dropped ?? { info: 0, state: 0, text: 0, warning: 0 };
    dropped[weight]++;
    this.hasDropped = true;
    if (this.#notice) return;
    const report = noticeOf(dropped);
    const bytes = noticeBytes;
    const notice = { report, bytes, weight: "notice", slot: undefined, opens: false } as const;
    this.#notice = { place: this.#waiting.insertBefore(victim, { ...notice }), dropped };
    this.#waitingBytes += bytes;
  }

  /**
   * Returns the reports to send now. These are the reports that were taken before and not settled. If there are
   * none, they are the next waiting reports, up to both limits. Returns at least one report if there is any.
   */
  take(maxReports: number, maxBytes: number): readonly Sent[] {
    if (this.#sent.length > 0) return this.#sent.slice(0, maxReports);
    let bytes = 0;
    for (let place = this.#waiting.first; place; place = this.#waiting.first) {
      bytes += place.value.bytes;
      const isFull = this.#sent.length >= maxReports || bytes > maxBytes;
      if (isFull && this.#sent.length > 0) break;
      this.#remove(place);
      const { report, bytes: size } = place.value;
      this.#sent.push({ key: this.#nextKey(), report, bytes: size });
      this.#sentBytes += size;
    }
    return this.#sent.slice();
  }

  /** Removes the first `count` taken reports, which were stored or given up. */
  settle(count: number): void {
    for (const { bytes } of this.#sent.splice(0, count)) this.#sentBytes -= bytes;
  }

  /** Inserts a report before all others, also before those that were taken and are not settled. */
  putFirst(report: Report): void {
    const bytes = reportBytes(report);
    this.#sent.unshift({ key: this.#nextKey(), report, bytes });
    this.#sentBytes += bytes;
  }

  /** Removes all reports. */
  clear(): void {
    this.#sent = [];
    this.#sentBytes = 0;
    this.#waiting = new Chain();
    this.#waitingBytes = 0;
    for (const weight of dropOrder) this.#droppable[weight].clear();
    this.#latest.clear();
    this.#open.clear();
    this.#notice = undefined;
  }

  #nextKey(): string {
    this.#keys++;
    return `${this.#keyPrefix}-${this.#keys}`;
  }
}

function noticeOf({ info, warning, state, text }: Readonly<Dropped>): Report {
  const parts = [
    info > 0 ? `${info} lines of the log` : "",
    warning > 0 ? `${warning} warnings` : "",
    state > 0 ? `${state} updates` : "",
    text > 0 ? `${text} pieces of text` : "",
  ].filter((part) => part !== "");
  return {
    event: "log",
    data: {
      level: "warning",
      message: `${parts.join(", ")} were dropped here: more was reported than could be delivered`,
      data: { dropped: { lines: info, warnings: warning, updates: state, texts: text } },
    },
  };
}

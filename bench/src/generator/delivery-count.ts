import { Histogram, type HistogramData } from "../measure/histogram.ts";
import { monotonicUs } from "../measure/monotonic.ts";
import type { DeliverySink } from "./delivery-sink.ts";

/** Counts of one generator since the last reset; `closed` and `closeReason` outlive a reset. */
export interface Deliveries {
  readonly delivered: number;
  /** Number of socket reads that brought data. Deliveries per read show how many messages arrive together. */
  readonly reads: number;
  /** Numbers that were skipped. `repeated` counts the numbers that arrived again or late. */
  readonly missing: number;
  readonly repeated: number;
  /** Number of subscribed connections that ended. `closeReason` says why the first of them did. */
  readonly closed: number;
  readonly closeReason?: string;
  /** Microseconds from the moment a publication was due until it was read. */
  readonly latency: HistogramData;
}

/** Counts the deliveries to all connections of a generator and checks their order on each connection. */
export class DeliveryCount implements DeliverySink {
  readonly #latency = new Histogram();
  readonly #nextSeq: number[] = [];
  #now = 0;
  #reads = 0;
  #missing = 0;
  #repeated = 0;
  #closed = 0;
  #closeReason: string | undefined;

  startRead(): void {
    this.#reads += 1;
    this.#now = monotonicUs();
  }

  /**
   * Records one delivery. The first publication of a connection must be 0, and each later one must be the next
   * number.
   */
  deliver(index: number, seq: number, atUs: number): void {
    this.#latency.record(this.#now - atUs);
    const expected = this.#nextSeq[index] ?? 0;
    if (seq < expected) {
      this.#repeated += 1;
      return;
    }
    this.#missing += seq - expected;
    this.#nextSeq[index] = seq + 1;
  }

  /**
   * Marks connection `index` as having all publications up to `seq`, so that the next one expected is `seq +
   * 1`.
   */
  begin(index: number, seq: number): void {
    this.#nextSeq[index] = seq + 1;
  }

  connectionClosed(reason: string): void {
    this.#closed += 1;
    this.#closeReason ??= reason;
  }

  reset(): void {
    this.#latency.reset();
    this.#reads = 0;
    this.#missing = 0;
    this.#repeated = 0;
  }

  get delivered(): number {
    return this.#latency.count;
  }

  report(): Deliveries {
    return {
      delivered: this.#latency.count,
      reads: this.#reads,
      missing: this.#missing,
      repeated: this.#repeated,
      closed: this.#closed,
      ...(this.#closeReason === undefined ? {} : { closeReason: this.#closeReason }),
      latency: this.#latency.toData(),
    };
  }
}

import { Histogram, type HistogramData } from "../measure/histogram.ts";
import { monotonicUs } from "../measure/monotonic.ts";
import type { DeliverySink } from "./delivery-sink.ts";

/** What has arrived since the last reset. */
export interface Deliveries {
  readonly delivered: number;
  /** Reads of sockets that brought something: bounds how many messages came in one write. */
  readonly reads: number;
  /** Numbers that were skipped, that came again or late. */
  readonly missing: number;
  readonly repeated: number;
  /** Connections that ended, and why the first of them did. */
  readonly closed: number;
  readonly closeReason?: string;
  /** Microseconds from when a publication was due to when it was read. */
  readonly latency: HistogramData;
}

/** Counts the deliveries of all connections of a generator and checks the order of each. */
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

  /** A connection's first publication must be 0, each one after that the next. */
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

  /** Connection `index` has all up to `seq`. */
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

import { Latencies } from "./latencies.ts";
import type { ReaderTick } from "./processes/messages.ts";
import type { Second } from "./report.ts";

/** Progress of a run. */
export interface LoadProgress {
  readonly phase: "tokens" | "connect" | "warm-up" | "measure" | "finish";
  /** Share of the phase that is done, from 0 to 1. */
  readonly done: number;
  readonly open: number;
  readonly failed: number;
  /** Deliveries in the last second, and their 99th percentile in microseconds. */
  readonly deliveries: number;
  readonly p99Us: number;
}

const everyMs = 1_000;
/** Seconds that a timeline holds; those of a longer run are not kept. */
const maxSeconds = 3_600;

/** Follows a run second by second, and reports where it is. */
export class Timeline {
  readonly seconds: Second[] = [];
  readonly #onProgress: (progress: LoadProgress) => void;
  readonly #ticks = new Map<number, ReaderTick>();
  readonly #latencies = new Latencies();
  readonly #timer: NodeJS.Timeout;
  #phase: LoadProgress["phase"] = "tokens";
  #whole = 1;
  #part = 0;
  #enteredAt = performance.now();
  #publishingSince: number | undefined;
  #delivered = 0;

  constructor(onProgress: (progress: LoadProgress) => void) {
    this.#onProgress = onProgress;
    this.#timer = setInterval(() => this.#beat(), everyMs);
  }

  /** Begins a phase; `whole` is what makes it complete: connections, or seconds. */
  enter(phase: LoadProgress["phase"], whole: number): void {
    this.#phase = phase;
    this.#whole = Math.max(1e-9, whole);
    this.#part = 0;
    this.#enteredAt = performance.now();
    if (phase === "warm-up") this.#publishingSince = this.#enteredAt;
    this.#report(0, 0);
  }

  /** Says how much of a phase without a time of its own is done. */
  advance(part: number): void {
    this.#part = part;
  }

  take(reader: number, tick: ReaderTick): void {
    this.#ticks.set(reader, tick);
    if (tick.latency !== undefined) this.#latencies.merge(tick.latency);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const delivered = this.#sum(({ delivered }) => delivered);
    const deliveries = delivered - this.#delivered;
    this.#delivered = delivered;
    const p99Us = this.#latencies.percentile(99);
    if (this.#publishingSince !== undefined && this.seconds.length < maxSeconds) {
      this.seconds.push({
        at: Math.round((performance.now() - this.#publishingSince) / 100) / 10,
        open: this.#sum(({ open }) => open),
        deliveries,
        p50Us: this.#latencies.percentile(50),
        p99Us,
      });
    }
    this.#latencies.reset();
    this.#report(deliveries, p99Us);
  }

  #report(deliveries: number, p99Us: number): void {
    const opened = this.#sum(({ opened }) => opened);
    const failed = this.#sum(({ failed }) => failed);
    const elapsed = (performance.now() - this.#enteredAt) / 1_000;
    const part = {
      tokens: this.#part,
      connect: opened + failed,
      "warm-up": elapsed,
      measure: elapsed,
      finish: 0,
    }[this.#phase];
    this.#onProgress({
      phase: this.#phase,
      done: Math.min(1, part / this.#whole),
      open: this.#sum(({ open }) => open),
      failed,
      deliveries,
      p99Us,
    });
  }

  #sum(of: (tick: ReaderTick) => number): number {
    let sum = 0;
    for (const tick of this.#ticks.values()) sum += of(tick);
    return sum;
  }
}

import { monitorEventLoopDelay } from "node:perf_hooks";
import { monotonicUs } from "../clock.ts";
import type { ProcessLoad } from "./messages.ts";

/** Measures what this process uses of its core, to tell when the generator is the limit. */
export class ProcessMeter {
  readonly #role: ProcessLoad["role"];
  readonly #delay = monitorEventLoopDelay({ resolution: 5 });
  #cpu = process.cpuUsage();
  #begunAtUs = monotonicUs();
  #measured: ProcessLoad | undefined;

  constructor(role: ProcessLoad["role"]) {
    this.#role = role;
    this.#delay.enable();
  }

  /** Begins the measured time. */
  begin(): void {
    this.#cpu = process.cpuUsage();
    this.#begunAtUs = monotonicUs();
    this.#delay.reset();
    this.#measured = undefined;
  }

  /** Ends the measured time; later calls change nothing. */
  end(): ProcessLoad {
    if (this.#measured !== undefined) return this.#measured;
    const { user, system } = process.cpuUsage(this.#cpu);
    const elapsedUs = Math.max(1, monotonicUs() - this.#begunAtUs);
    // The timer of the monitor itself is up to its resolution late.
    const delayMs = Math.max(0, this.#delay.percentile(99) / 1e6 - 5);
    this.#measured = {
      role: this.#role,
      pid: process.pid,
      cpuShare: (user + system) / elapsedUs,
      loopDelayP99Ms: Number.isFinite(delayMs) ? Math.round(delayMs * 10) / 10 : 0,
      rssBytes: process.memoryUsage.rss(),
    };
    return this.#measured;
  }
}

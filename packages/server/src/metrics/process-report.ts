import { type IntervalHistogram, monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { ProcessReport } from "@milepost/core";
import { version } from "./package-version.ts";

const resolutionMs = 20;
const nanosecondsInMs = 1e6;
const microsecondsInMs = 1_000;

/** Figures of this process for its node's heartbeats: each covers the time since the one before. */
export class ProcessReporter {
  readonly #version = version();
  readonly #delay: IntervalHistogram;
  #cpu = process.cpuUsage();
  #at = performance.now();

  constructor() {
    this.#delay = monitorEventLoopDelay({ resolution: resolutionMs });
    this.#delay.enable();
  }

  /** Returns the figures since the last call. */
  read(): ProcessReport {
    const at = performance.now();
    const { user, system } = process.cpuUsage(this.#cpu);
    const passedMs = Math.max(1, at - this.#at);
    this.#cpu = process.cpuUsage();
    this.#at = at;
    // The histogram measures the interval of its own timer, of which only the excess is a delay.
    const p99 = this.#delay.count === 0 ? 0 : this.#delay.percentile(99) / nanosecondsInMs;
    this.#delay.reset();
    return {
      loop_delay_ms: Math.round(Math.max(0, p99 - resolutionMs) * 10) / 10,
      memory_bytes: process.memoryUsage.rss(),
      cpu: Math.round(((user + system) / microsecondsInMs / passedMs) * 1_000) / 1_000,
      version: this.#version,
    };
  }

  /** Stops measuring. */
  close(): void {
    this.#delay.disable();
  }
}

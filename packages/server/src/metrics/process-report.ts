import { type IntervalHistogram, monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { ProcessReport } from "@milepost/core";
import { version } from "./package-version.ts";

const resolutionMs = 20;
const nanosecondsInMs = 1e6;
const microsecondsInMs = 1_000;
/** Shortest time that figures cover, in milliseconds. A share of the processor in less is chance. */
const minPeriodMs = 1_000;

/**
 * Figures of this process for its node's heartbeats: each covers the time since the one before. Every look at the nodes is a
 * heartbeat too, so figures that are read again within a second are those of before.
 */
export class ProcessReporter {
  readonly #version = version();
  readonly #delay: IntervalHistogram;
  #cpu = process.cpuUsage();
  #at = performance.now();
  #latest: ProcessReport | undefined;

  constructor() {
    this.#delay = monitorEventLoopDelay({ resolution: resolutionMs });
    this.#delay.enable();
  }

  /** Returns the figures since the last call, or those of a call less than a second ago. */
  read(): ProcessReport {
    const at = performance.now();
    if (this.#latest !== undefined && at - this.#at < minPeriodMs) return this.#latest;
    const { user, system } = process.cpuUsage(this.#cpu);
    const passedMs = Math.max(1, at - this.#at);
    this.#cpu = process.cpuUsage();
    this.#at = at;
    // The histogram measures the interval of its own timer, of which only the excess is a delay.
    const p99 = this.#delay.count === 0 ? 0 : this.#delay.percentile(99) / nanosecondsInMs;
    this.#delay.reset();
    this.#latest = {
      loop_delay_ms: Math.round(Math.max(0, p99 - resolutionMs) * 10) / 10,
      memory_bytes: process.memoryUsage.rss(),
      cpu: Math.round(((user + system) / microsecondsInMs / passedMs) * 1_000) / 1_000,
      version: this.#version,
    };
    return this.#latest;
  }

  /** Stops measuring. */
  close(): void {
    this.#delay.disable();
  }
}

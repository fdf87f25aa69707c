import { readdir, readFile } from "node:fs/promises";
import {
  constants,
  type IntervalHistogram,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from "node:perf_hooks";
import { createInstruments, type InstrumentsOf, type Meter } from "@milepost/core";
import { version } from "./package-version.ts";
import { type collectionKinds, processInstruments } from "./process-instruments.ts";

type CollectionKind = (typeof collectionKinds)[number];

const kinds: Readonly<Record<number, CollectionKind>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: "minor",
  [constants.NODE_PERFORMANCE_GC_MAJOR]: "major",
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: "incremental",
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: "weakcb",
};

/** Entry of one pause, as Node reports it. */
type CollectionEntry = PerformanceEntry & { readonly detail?: { readonly kind?: number } };

const delayResolutionMs = 20;
/** Shortest time that the quantiles of the event loop's delay cover, in milliseconds. */
const minDelaySpanMs = 5_000;
const nanosecondsInMs = 1e6;
const microsecondsInS = 1e6;

/** Metrics of this process: processor, memory, descriptors, event loop and garbage collection. */
export class ProcessMetrics {
  readonly #instruments: InstrumentsOf<typeof processInstruments>;
  #delay: IntervalHistogram | undefined;
  #delayFrom = 0;
  #observer: PerformanceObserver | undefined;
  #cpu = { user: 0, system: 0 };
  #loop = { active: 0, idle: 0 };
  #openDescriptors = 0;
  #maxDescriptors = 0;

  constructor(meter: Meter) {
    const instruments = createInstruments(meter, processInstruments, () => {});
    this.#instruments = instruments;
    const info = { [version()]: 1 };
    const runtime = { [process.version]: 1 };
    const startedAt = performance.timeOrigin / 1_000;
    instruments.buildInfo.readFrom(() => info);
    instruments.runtimeInfo.readFrom(() => runtime);
    instruments.startTime.readFrom(() => startedAt);
    instruments.memory.readFrom(() => {
      const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
      return { resident: rss, heap: heapTotal, heap_used: heapUsed, external };
    });
    instruments.openDescriptors.readFrom(() => this.#openDescriptors);
    instruments.maxDescriptors.readFrom(() => this.#maxDescriptors);
    instruments.loopDelay.readFrom(() => this.#delays());
  }

  /** Observes the event loop and garbage collection from now on; the rest is read when it is collected. */
  start(): void {
    if (this.#delay !== undefined) return;
    this.#delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
    this.#delay.enable();
    this.#delayFrom = performance.now();
    const { collections, collectionTime, collectionPauses } = this.#instruments;
    this.#observer = new PerformanceObserver((list) => {
      for (const { duration, detail } of list.getEntries() as CollectionEntry[]) {
        const kind = kinds[detail?.kind ?? -1];
        if (kind === undefined) continue;
        collections[kind].add(1);
        collectionTime[kind].add(duration / 1_000);
        collectionPauses.observe(duration);
      }
    });
    this.#observer.observe({ entryTypes: ["gc"] });
  }

  /** Reads what has to be read before the metrics are collected. */
  async prepare(): Promise<void> {
    this.start();
    this.#addCpu();
    this.#addLoopTime();
    const [open, limits] = await Promise.all([
      readdir("/proc/self/fd").catch(() => []),
      this.#maxDescriptors > 0 ? undefined : readFile("/proc/self/limits", "utf8").catch(() => ""),
    ]);
    this.#openDescriptors = open.length;
    const found = limits?.match(/^Max open files\s+(\d+)/m)?.[1];
    if (found !== undefined) this.#maxDescriptors = Number(found);
  }

  stop(): void {
    this.#delay?.disable();
    this.#observer?.disconnect();
  }

  #addCpu(): void {
    const { user, system } = process.cpuUsage();
    this.#instruments.cpu.user.add((user - this.#cpu.user) / microsecondsInS);
    this.#instruments.cpu.system.add((system - this.#cpu.system) / microsecondsInS);
    this.#cpu = { user, system };
  }

  #addLoopTime(): void {
    const { active, idle } = performance.eventLoopUtilization();
    this.#instruments.loopTime.active.add((active - this.#loop.active) / 1_000);
    this.#instruments.loopTime.idle.add((idle - this.#loop.idle) / 1_000);
    this.#loop = { active, idle };
  }

  /** Returns how much later than planned the event loop came round. */
  #delays(): Record<"0.5" | "0.9" | "0.99" | "1", number> {
    const delay = this.#delay;
    if (delay === undefined || delay.count === 0) return { "0.5": 0, "0.9": 0, "0.99": 0, "1": 0 };
    // The histogram records whole intervals of its own timer.
    const late = (nanoseconds: number) =>
      Math.max(0, nanoseconds / nanosecondsInMs - delayResolutionMs);
    const delays = {
      "0.5": late(delay.percentile(50)),
      "0.9": late(delay.percentile(90)),
      "0.99": late(delay.percentile(99)),
      "1": late(delay.max),
    };
    if (performance.now() - this.#delayFrom >= minDelaySpanMs) {
      delay.reset();
      this.#delayFrom = performance.now();
    }
    return delays;
  }
}

import { requireCaseFits } from "../duration-bounds.ts";
import type { Clock } from "../ports/clock.ts";
import {
  type DurationBounds,
  type Durations,
  type FinishedCase,
  type KindDurations,
  maxDurationCounts,
} from "../ports/durations.ts";

interface Learned extends KindDurations {
  readonly until: number;
}

/** Durations of one process. Kinds are held in the order of their last cases, so the ones to drop are the first. */
export class MemoryDurations implements Durations {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #kinds = new Map<string, Learned>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  async add(kind: string, finished: FinishedCase, bounds: DurationBounds): Promise<void> {
    requireCaseFits(kind, finished);
    const before = this.#living(kind);
    const records = [finished.record, ...(before?.records ?? [])].slice(0, bounds.maxRecords);
    const counts: Record<string, number> = { ...before?.counts };
    for (const [name, count] of Object.entries(finished.counts)) {
      if (!Object.hasOwn(counts, name) && Object.keys(counts).length >= maxDurationCounts) continue;
      counts[name] = (counts[name] ?? 0) + count;
    }
    if (Object.values(counts).some((count) => count >= bounds.maxCount)) {
      for (const name of Object.keys(counts)) counts[name] = (counts[name] ?? 0) / 2;
    }
    this.#kinds.delete(kind);
    const until = this.#clock.monotonic() + bounds.keepMs;
    this.#kinds.set(kind, { kind, records, counts, until });
    this.#dropOldest(bounds.maxKinds);
  }

  async get(kind: string): Promise<KindDurations | undefined> {
    const found = this.#living(kind);
    return found === undefined ? undefined : { kind, records: found.records, counts: found.counts };
  }

  async list(limit: number): Promise<readonly KindDurations[]> {
    const now = this.#clock.monotonic();
    return [...this.#kinds.values()]
      .filter(({ until }) => until > now)
      .reverse()
      .slice(0, limit)
      .map(({ kind, counts }) => ({ kind, records: [], counts }));
  }

  #living(kind: string): Learned | undefined {
    const found = this.#kinds.get(kind);
    return found !== undefined && found.until > this.#clock.monotonic() ? found : undefined;
  }

  #dropOldest(maxKinds: number): void {
    const now = this.#clock.monotonic();
    for (const [kind, { until }] of this.#kinds) {
      if (until > now && this.#kinds.size <= maxKinds) return;
      this.#kinds.delete(kind);
    }
  }
}

import { type LaneStatistics, type QueueHour, queueStatisticsHours } from "../ports/queues.ts";
import { queueBucket } from "../queue-buckets.ts";

const hourMs = 3_600_000;

type Counter = Exclude<keyof LaneStatistics, "waits" | "services">;
type Counters = Record<Counter, number> & {
  readonly waits: Record<number, number>;
  readonly services: Record<number, number>;
};

/** Statistics of one queue by lane and hour, for the last 48 hours. */
export class QueueCounters {
  /** Counters by hour, the oldest first. */
  readonly #hours = new Map<number, Map<string, Counters>>();

  /** Counts one event of a lane. */
  count(now: number, lane: string, counter: Counter): void {
    this.#of(now, lane)[counter]++;
  }

  /** Counts a first claim after a wait, in milliseconds. */
  countWait(now: number, lane: string, waitMs: number): void {
    const counters = this.#of(now, lane);
    counters.claimed++;
    add(counters.waits, waitMs);
  }

  /** Counts a finished ticket with the time since its claim, in milliseconds. */
  countService(now: number, lane: string, serviceMs: number): void {
    const counters = this.#of(now, lane);
    counters.finished++;
    add(counters.services, serviceMs);
  }

  /** Returns the hours that have any counter, the current one first. */
  list(now: number, hours: number): QueueHour[] {
    const current = Math.floor(now / hourMs);
    return [...this.#hours]
      .filter(([hour]) => hour > current - hours)
      .reverse()
      .map(([hour, lanes]) => ({
        at: hour * hourMs,
        lanes: Object.fromEntries(
          [...lanes].map(([lane, counters]) => [
            lane,
            { ...counters, waits: { ...counters.waits }, services: { ...counters.services } },
          ]),
        ),
      }));
  }

  /** Restores what an hour had counted. */
  restore({ at, lanes }: QueueHour): void {
    const counters = Object.entries(lanes).map(
      ([lane, counted]) =>
        [
          lane,
          { ...counted, waits: { ...counted.waits }, services: { ...counted.services } },
        ] as const,
    );
    this.#hours.set(Math.floor(at / hourMs), new Map(counters));
  }

  #of(now: number, lane: string): Counters {
    const hour = Math.floor(now / hourMs);
    let lanes = this.#hours.get(hour);
    if (lanes === undefined) {
      lanes = new Map();
      this.#hours.set(hour, lanes);
      for (const old of this.#hours.keys()) {
        if (old <= hour - queueStatisticsHours) this.#hours.delete(old);
      }
    }
    let counters = lanes.get(lane);
    if (counters === undefined) {
      counters = noneCounted();
      lanes.set(lane, counters);
    }
    return counters;
  }
}

function add(histogram: Record<number, number>, ms: number): void {
  const bucket = queueBucket(ms);
  histogram[bucket] = (histogram[bucket] ?? 0) + 1;
}

function noneCounted(): Counters {
  return {
    joined: 0,
    claimed: 0,
    finished: 0,
    failed: 0,
    left: 0,
    gone: 0,
    returned: 0,
    waits: {},
    services: {},
    estimated: 0,
    withinP50: 0,
    withinP90: 0,
  };
}

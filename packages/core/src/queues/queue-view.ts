import {
  type LaneStatistics,
  type QueueHour,
  type QueueState,
  queueQuantile,
} from "@milepost/engine";
import type {
  DurationView,
  EstimateView,
  QueueCapacity,
  QueueFigures,
  QueueHourView,
  QueueView,
} from "@milepost/model";

/** Returns a queue as its operators see it, with the figures of the last `hours` hours. */
export function queueViewOf(
  queue: string,
  capacity: QueueCapacity,
  state: QueueState,
  statistics: readonly QueueHour[],
  hours: number,
): QueueView {
  const { waiting, running, workers, slots, suspendedUntil } = state;
  const names = new Set(statistics.flatMap(({ lanes }) => Object.keys(lanes)));
  const ofLane = (name: string) => statistics.flatMap(({ lanes }) => lanes[name] ?? []);
  return {
    queue,
    capacity,
    capacity_now: state.capacity,
    lanes: state.lanes.map(({ name, weight, waiting: inLane }) => ({
      name,
      weight,
      waiting: inLane,
    })),
    waiting,
    running,
    workers,
    slots,
    ...(suspendedUntil === undefined ? {} : { suspended_until: Math.round(suspendedUntil) }),
    total: figuresOf(
      statistics.flatMap(({ lanes }) => Object.values(lanes)),
      hours,
    ),
    by_lane: Object.fromEntries([...names].map((name) => [name, figuresOf(ofLane(name), hours)])),
    hours: statistics.map(hourOf),
  };
}

function hourOf({ at, lanes }: QueueHour): QueueHourView {
  return {
    at,
    lanes: Object.fromEntries(
      Object.entries(lanes).map(([name, lane]) => [name, figuresOf([lane], 1)]),
    ),
  };
}

/** Adds up what happened in several lanes or hours. */
function figuresOf(all: readonly LaneStatistics[], hours: number): QueueFigures {
  const sum = (name: "joined" | "claimed" | "finished" | "failed" | "left" | "gone" | "returned") =>
    all.reduce((total, lane) => total + lane[name], 0);
  const served = sum("claimed");
  const left = sum("left");
  const gone = sum("gone");
  const ended = served + left + gone;
  return {
    joined: sum("joined"),
    served,
    finished: sum("finished"),
    failed: sum("failed"),
    left,
    gone,
    returned: sum("returned"),
    abandonment: ended === 0 ? null : rounded((left + gone) / ended),
    throughput_per_hour: rounded(served / hours),
    wait: durationOf(all.map(({ waits }) => waits)),
    service: durationOf(all.map(({ services }) => services)),
    estimates: estimatesOf(all),
  };
}

function estimatesOf(all: readonly LaneStatistics[]): EstimateView {
  const count = all.reduce((sum, { estimated }) => sum + estimated, 0);
  const below50 = all.reduce((sum, { withinP50 }) => sum + withinP50, 0);
  const below90 = all.reduce((sum, { withinP90 }) => sum + withinP90, 0);
  const share = (part: number) => (count === 0 ? null : rounded(part / count));
  return {
    count,
    below_p50: share(below50),
    below_p90: share(below90),
    inside: share(below90 - below50),
  };
}

function durationOf(each: readonly Readonly<Record<number, number>>[]): DurationView {
  const histogram: Record<number, number> = {};
  let count = 0;
  for (const one of each) {
    for (const [bucket, n] of Object.entries(one)) {
      histogram[Number(bucket)] = (histogram[Number(bucket)] ?? 0) + n;
      count += n;
    }
  }
  const at = (share: number) => {
    const ms = queueQuantile(histogram, share);
    return ms === undefined ? null : Math.round(ms);
  };
  return { count, p50_ms: at(0.5), p90_ms: at(0.9), p99_ms: at(0.99) };
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

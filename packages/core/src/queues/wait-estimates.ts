import { type Clock, type Queues as QueueStore, queueQuantile } from "@milepost/engine";
import type { WaitRange } from "@milepost/model";
import { RecentNames } from "../runtime/recent-names.ts";

/** Time for which what is known of a queue is used again, in milliseconds. */
const keptMs = 2_000;
const maxQueues = 1_000;
/** Hours whose service times count, the current one included. */
const learnedHours = 6;
/** Truths that correct the estimates of a queue; the oldest are forgotten. */
const maxTruths = 200;
/** Number of truths from which they count fully. */
const enoughTruths = 40;
/** Largest error that counts, in deviations. */
const maxError = 4;
const maxOpen = 20_000;
/** Shortest bounds of an estimate, in milliseconds: a worker needs a moment to claim a ticket. */
const shortestMs = { p50: 500, p90: 2_000 };
/** Distance of the quantile 0.9 from the median of a normal distribution, in standard deviations. */
const z90 = 1.281_55;

/** Service times of a queue and the pace at which it serves, as far as they are known. */
interface QueuePace {
  readonly at: number;
  readonly running: number;
  readonly capacity: number;
  /** Mean service time, in milliseconds; undefined while no ticket has been finished. */
  readonly meanMs: number | undefined;
  /** Squared coefficient of variation of the service times. */
  readonly variation: number;
  readonly count: number;
}

/** Estimate as a log-normal distribution: its median in milliseconds, and the deviation of its logarithm. */
interface Estimate {
  readonly medianMs: number;
  readonly sigma: number;
  /** True if a worker is free for the ticket. */
  readonly isAtOnce: boolean;
}

interface OpenEstimate extends Estimate {
  readonly at: number;
  readonly told: WaitRange;
}

/** Outcome of an estimated wait: it ended below the p50, from there to the p90, or above. */
export type WaitOutcome = "below_p50" | "inside" | "above_p90";

/** Parts of the node that {@link WaitEstimates} uses. */
export interface WaitEstimatesContext {
  readonly store: Pick<QueueStore, "state" | "statistics">;
  readonly clock: Clock;
}

/**
 * Estimates of waits, from the queue's own service times and its capacity.
 *
 * The wait for a position is the time until enough tickets before it have been finished. Its mean and its variance follow from
 * those of the service times. What then came true corrects the estimates: the errors of the last 200 tickets that this node saw
 * served, in deviations, shift both bounds.
 */
export class WaitEstimates {
  readonly #context: WaitEstimatesContext;
  readonly #paces = new RecentNames<QueuePace>(maxQueues);
  readonly #errors = new RecentNames<number[]>(maxQueues);
  /** Estimates whose truth is not known yet, by ticket. */
  readonly #open = new Map<string, OpenEstimate>();

  constructor(context: WaitEstimatesContext) {
    this.#context = context;
  }

  /** Estimates the wait at a position; undefined while nothing is known of the queue, or nobody is served. */
  async at(queue: string, position: number): Promise<WaitRange | undefined> {
    const estimate = estimateOf(await this.#pace(queue), position);
    return estimate === undefined ? undefined : this.#range(queue, estimate);
  }

  /** Estimates the wait of a ticket that joins, and remembers the estimate until {@link WaitEstimates.served}. */
  async ofNew(queue: string, ticket: string, position: number): Promise<WaitRange | undefined> {
    const estimate = estimateOf(await this.#pace(queue), position);
    if (estimate === undefined) return undefined;
    const told = this.#range(queue, estimate);
    this.#open.set(ticket, { ...estimate, at: this.#context.clock.monotonic(), told });
    const [oldest] = this.#open.keys();
    if (this.#open.size > maxOpen && oldest !== undefined) this.#open.delete(oldest);
    return told;
  }

  /**
   * Learns from the wait of a ticket that is served for the first time. Returns where it lay; undefined if this node did not
   * estimate it.
   */
  served(queue: string, ticket: string): WaitOutcome | undefined {
    const estimate = this.#open.get(ticket);
    if (estimate === undefined) return undefined;
    this.#open.delete(ticket);
    const waited = this.#context.clock.monotonic() - estimate.at;
    // A wait for nobody says how fast workers claim, and nothing of the pace of the queue.
    if (!estimate.isAtOnce) this.#learn(queue, estimate, Math.max(1, waited));
    const { p50_ms, p90_ms } = estimate.told;
    return waited <= p50_ms ? "below_p50" : waited <= p90_ms ? "inside" : "above_p90";
  }

  #learn(queue: string, estimate: Estimate, truth: number): void {
    const errors = this.#errors.get(queue) ?? [];
    const error = Math.log(truth / estimate.medianMs) / estimate.sigma;
    errors.push(Math.min(Math.max(error, -maxError), maxError));
    if (errors.length > maxTruths) errors.shift();
    this.#errors.set(queue, errors);
  }

  /** Forgets the estimate of a ticket that left without being served. */
  left(ticket: string): void {
    this.#open.delete(ticket);
  }

  #range(queue: string, { medianMs, sigma }: Estimate): WaitRange {
    const errors = this.#errors.get(queue) ?? [];
    // Few truths say little, so they count together with as many that would confirm the estimate.
    const weight = Math.min(1, errors.length / enoughTruths);
    const sorted = errors.toSorted((a, b) => a - b);
    const shifted = (share: number, nominal: number) =>
      sorted.length === 0 ? nominal : nominal + weight * (quantile(sorted, share) - nominal);
    const p50 = medianMs * Math.exp(sigma * shifted(0.5, 0));
    const p90 = medianMs * Math.exp(sigma * shifted(0.9, z90));
    const p50_ms = Math.round(Math.max(shortestMs.p50, p50));
    return { p50_ms, p90_ms: Math.round(Math.max(shortestMs.p90, p90, p50_ms)) };
  }

  async #pace(queue: string): Promise<QueuePace> {
    const { store, clock } = this.#context;
    const now = clock.monotonic();
    const known = this.#paces.get(queue);
    if (known !== undefined && now - known.at < keptMs) return known;
    const [state, hours] = await Promise.all([
      store.state(queue),
      store.statistics(queue, learnedHours),
    ]);
    const services: Record<number, number> = {};
    for (const { lanes } of hours) {
      for (const { services: counts } of Object.values(lanes)) {
        for (const [bucket, n] of Object.entries(counts)) {
          services[Number(bucket)] = (services[Number(bucket)] ?? 0) + n;
        }
      }
    }
    const pace = {
      at: now,
      running: state?.running ?? 0,
      capacity: state?.capacity ?? 0,
      ...momentsOf(services),
    };
    this.#paces.set(queue, pace);
    return pace;
  }
}

/** Returns mean and variation of a histogram of durations, from 20 of its quantiles. */
function momentsOf(
  histogram: Readonly<Record<number, number>>,
): Pick<QueuePace, "meanMs" | "variation" | "count"> {
  const count = Object.values(histogram).reduce((sum, n) => sum + n, 0);
  if (count === 0) return { meanMs: undefined, variation: 1, count };
  const parts = 20;
  const values = Array.from(
    { length: parts },
    (_, i) => queueQuantile(histogram, (i + 0.5) / parts) ?? 0,
  );
  const mean = values.reduce((sum, value) => sum + value, 0) / parts;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / parts;
  return { meanMs: Math.max(1, mean), variation: mean === 0 ? 0 : square / mean ** 2, count };
}

function estimateOf(
  { meanMs, variation, capacity, running, count }: QueuePace,
  position: number,
): Estimate | undefined {
  if (meanMs === undefined || capacity < 1) return undefined;
  // So many tickets must be finished before this one is served; free places serve the first ones at once.
  const needed = position - Math.max(0, capacity - running);
  if (needed < 1) return { medianMs: shortestMs.p50, sigma: 1, isAtOnce: true };
  const step = meanMs / capacity;
  // The one that is finished first has run for a while: its rest is that of an ongoing renewal.
  const rest = capacity === 1 ? (1 + variation) / 2 : 1;
  const mean = step * (needed - 1 + rest);
  // Many servers finish like a Poisson process at first; over long spans the variation of one service remains.
  const early = Math.max(0, 1 - variation) * Math.min(needed, capacity - 1);
  const ofSteps = step ** 2 * (needed * variation + early + 1 / 12);
  // The mean itself is known from `count` services only, and drifts.
  const ofMean = mean ** 2 * (variation / count + 0.01);
  const spread = Math.log(1 + (ofSteps + ofMean) / mean ** 2);
  return {
    medianMs: mean / Math.exp(spread / 2),
    sigma: Math.max(0.05, Math.sqrt(spread)),
    isAtOnce: false,
  };
}

/** Returns a quantile of sorted numbers, between its neighbours. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
}

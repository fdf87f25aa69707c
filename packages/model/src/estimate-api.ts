import type { DurationView, EstimateView } from "./queue-api.ts";

/** Filter of the estimate report. */
export interface EstimateFilter {
  /** Only this kind of operation, and no queues. */
  readonly kind?: string;
  /** Maximum number of kinds, 1–100; 50 by default. Those with the newest run come first. */
  readonly limit?: number;
}

/** Times that are learned about one kind of operation, and how true its estimates were. */
export interface KindEstimates {
  readonly kind: string;
  /** Time of the finished runs that are known, at most 128, without waits, pauses and stalls. */
  readonly duration: DurationView;
  /** How all estimates of the time left came out. Nominal are 0.5 below the p50, 0.9 below the p90 and 0.4 inside. */
  readonly estimates: EstimateView;
  /** The same by the point of the run at which they were published: `created`, or the percentage. */
  readonly by_mark: Readonly<Record<string, EstimateView>>;
}

/** How true the estimated waits of one queue were in the last 24 hours. */
export interface QueueEstimates {
  readonly queue: string;
  readonly wait: DurationView;
  readonly estimates: EstimateView;
}

/** Report of what the deployment has learned about times, and how true its estimates were. */
export interface EstimateReport {
  readonly kinds: readonly KindEstimates[];
  readonly queues: readonly QueueEstimates[];
}

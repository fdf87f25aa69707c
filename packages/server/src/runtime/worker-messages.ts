import { isRecord } from "@milepost/protocol";
import type { ProcessMetrics } from "../metrics/exposition.ts";
import type { MetricValues } from "../metrics/metric-store.ts";

/** Asks the supervisor for the metrics of the other workers, or a worker for its own. */
export interface MetricsQuestion {
  readonly milepost: "metrics?";
  readonly id: number;
}

/** A worker's own metrics, for the supervisor. */
export interface OwnMetrics {
  readonly milepost: "metrics";
  readonly id: number;
  readonly metrics: readonly MetricValues[];
}

/** The supervisor's answer to a worker: the number of that worker, and the metrics of the others. */
export interface SiblingsAnswer {
  readonly milepost: "siblings";
  readonly id: number;
  readonly worker: number;
  readonly others: readonly ProcessMetrics[];
}

/** A message between a supervisor and its workers about metrics. */
export type WorkerMessage = MetricsQuestion | OwnMetrics | SiblingsAnswer;

/** Returns the message if it is about metrics. Both ends are processes of one gateway, so its parts are not checked. */
export function workerMessage(message: unknown): WorkerMessage | undefined {
  if (!isRecord(message) || typeof message.milepost !== "string") return undefined;
  return message as unknown as WorkerMessage;
}

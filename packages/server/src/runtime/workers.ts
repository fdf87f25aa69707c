import cluster from "node:cluster";
import { type Supervising, Supervisor, type SupervisorOptions } from "./supervisor.ts";
import { waitingClock } from "./system-clock.ts";
import { workerFlags } from "./worker-heap.ts";

export type { Supervising };

/** Options of {@link superviseWorkers}. */
export interface WorkersOptions extends Omit<SupervisorOptions, "fork" | "clock"> {
  /** Environment variables for the workers, in addition to those of this process. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Runs the command of this process in several worker processes on one port, and restarts a worker that ends
 * unexpectedly.
 *
 * - Connections go to the workers in turn. If the quickest worker took them, long-lived connections would
 *   spread unevenly.
 * - SIGTERM and SIGINT drain all workers, also those that are still starting. A second signal kills them at
 *   once.
 * - SIGHUP replaces the workers one after the other with the current configuration. A new worker listens before
 *   its
 *   predecessor drains. A mistake in the configuration stops the replacement.
 * - When this process dies, the workers end.
 *
 * Resolves with `code` if the first worker cannot start, after that worker has said why; `code` is then its
 * exit code. Also resolves with `code` if all workers were stopped before all of them listened.
 */
export async function superviseWorkers({
  env,
  ...options
}: WorkersOptions): Promise<Supervising | { readonly code: number }> {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({ execArgv: workerFlags(process.execArgv, process.env.NODE_OPTIONS) });
  return new Supervisor({
    ...options,
    fork: () => cluster.fork(env),
    // Nothing else keeps the process alive while no worker runs.
    clock: waitingClock,
  }).start();
}

import cluster from "node:cluster";
import type { WaitingClock } from "./supervised-worker.ts";
import { type Supervising, Supervisor, type SupervisorOptions } from "./supervisor.ts";

export type { Supervising };

/** What workers are run with. */
export interface WorkersOptions extends Omit<SupervisorOptions, "fork" | "clock"> {
  /** Variables of the workers besides those of this process. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Runs the command of this process in several processes on one port, and starts anew what ends unasked.
 *
 * Connections go to the workers in turn, since long-lived ones spread unevenly when whoever is quickest takes them.
 * SIGTERM and SIGINT drain all, those that are just starting as well; a second one ends them at once. SIGHUP replaces them
 * one after the other, each new one listening before its predecessor drains, with the configuration as it is then: a
 * mistake in it stops that. When this process dies the workers end. Resolves with `code` when the first worker cannot
 * start, after it has said why: then that is what it ended with; or when all were stopped before all listened.
 */
export async function superviseWorkers({
  env,
  ...options
}: WorkersOptions): Promise<Supervising | { readonly code: number }> {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  return new Supervisor({ ...options, fork: () => cluster.fork(env), clock }).start();
}

/** Unlike those of the rest, its timers hold the process: with all workers gone nothing else does. */
const clock: WaitingClock = {
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

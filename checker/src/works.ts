import type { OperationRecord, WorkRecord } from "./records.ts";
import type { Accuse } from "./violation.ts";

interface Work {
  readonly leaseMs: number;
  phase: WorkRecord["phase"];
  at: number;
  watched: boolean;
}

const underWay: ReadonlySet<string> = new Set(["waiting", "running", "paused"]);

/** Time by which the end of a lease may be noticed late, in milliseconds. */
const slackMs = 5_000;

/**
 * Checks that work whose producer is gone is shown as such, and that finished work is shown as done.
 *
 * The nodes that know of the work notice a silent producer. Once a node has ended, they are no longer required
 * to notice it for the work known until then.
 */
export class WorkChecks {
  readonly #works = new Map<string, Work>();

  /** Records the end of a node's process. */
  nodeGone(): void {
    for (const work of this.#works.values()) work.watched = false;
  }

  work({ operation, phase, lease_ms = 30_000 }: WorkRecord, t: number): void {
    const known = this.#works.get(operation);
    if (known === undefined)
      this.#works.set(operation, { leaseMs: lease_ms, phase, at: t, watched: true });
    else if (known.phase !== "crashed" || phase === "taken") {
      known.phase = phase;
      known.at = t;
    }
  }

  /** Returns true while no node that may know of the work has ended. */
  isWatched(operation: string): boolean {
    return this.#works.get(operation)?.watched === true;
  }

  operation({ operation, status }: OperationRecord, t: number, accuse: Accuse): void {
    const work = this.#works.get(operation);
    if (work === undefined) return;
    if (work.phase === "done" && status !== "done") {
      accuse("G9", `${operation} was done but is shown as ${status}`);
    }
    const silentMs = t - work.at;
    if (!work.watched || work.phase !== "crashed" || silentMs <= work.leaseMs + slackMs) return;
    if (!underWay.has(status)) return;
    accuse(
      "G9",
      `the producer of ${operation} has been silent for ${Math.round(silentMs)} ms, but it is shown as ${status}`,
    );
  }
}

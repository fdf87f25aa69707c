import type { OperationRecord, WorkRecord } from "./records.ts";
import type { Accuse } from "./violation.ts";

interface Work {
  readonly leaseMs: number;
  phase: WorkRecord["phase"];
  at: number;
  watched: boolean;
}

const underWay: ReadonlySet<string> = new Set(["waiting", "running", "paused"]);

/** How much later than its lease a silence may be seen. */
const slackMs = 5_000;

/**
 * Work whose producer is gone is shown as such, and work that was done as done.
 *
 * A silent producer is noticed by the nodes that heard of the work: once one of them is gone, nothing is
 * claimed of the work it watched.
 */
export class WorkChecks {
  readonly #works = new Map<string, Work>();

  /** A node's process has ended. */
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

  /** Whether every node that heard of the work lives. */
  isWatched(operation: string): boolean {
    return this.#works.get(operation)?.watched === true;
  }

  operation({ operation, status }: OperationRecord, t: number, accuse: Accuse): void {
    const work = this.#works.get(operation);
    if (work === undefined) return;
    if (work.phase === "done" && status !== "done") {
      accuse("G9", `${operation} was done and is shown as ${status}`);
    }
    const silentMs = t - work.at;
    if (!work.watched || work.phase !== "crashed" || silentMs <= work.leaseMs + slackMs) return;
    if (!underWay.has(status)) return;
    accuse(
      "G9",
      `the producer of ${operation} is silent for ${Math.round(silentMs)} ms and it is ${status}`,
    );
  }
}

import type { QueueWorker } from "../ports/queues.ts";

/** Most workers of a queue that are remembered. */
const maxWorkers = 10_000;

interface Worker {
  slots: number;
  liveUntil: number;
}

/** Live workers of one queue. */
export class QueueWorkers {
  readonly #onChanged: ((name: string) => void) | undefined;
  readonly #workers = new Map<string, Worker>();
  #slots = 0;
  /** No worker ends before this time. */
  #earliestEnd = Number.POSITIVE_INFINITY;

  constructor(onChanged?: (name: string) => void) {
    this.#onChanged = onChanged;
  }

  /** Returns one worker, live or not. */
  get(name: string): QueueWorker | undefined {
    const known = this.#workers.get(name);
    return known && { name, ...known };
  }

  /** Records a sign of life. Without `slots` those stay that the worker had. */
  beat(name: string, now: number, until: number, slots: number | undefined): void {
    this.#forget(now);
    const known = this.#workers.get(name);
    if (known === undefined && this.#workers.size >= maxWorkers) return;
    const worker = known ?? { slots: 0, liveUntil: until };
    const wanted = slots ?? (known === undefined ? 1 : known.slots);
    this.#slots += wanted - worker.slots;
    worker.slots = wanted;
    worker.liveUntil = Math.max(worker.liveUntil, until);
    this.#earliestEnd = Math.min(this.#earliestEnd, worker.liveUntil);
    this.#workers.set(name, worker);
    this.#onChanged?.(name);
  }

  retire(name: string): void {
    const known = this.#workers.get(name);
    if (known === undefined) return;
    this.#slots -= known.slots;
    this.#workers.delete(name);
    this.#onChanged?.(name);
  }

  /** Returns the number of slots of all live workers. */
  slots(now: number): number {
    this.#forget(now);
    return this.#slots;
  }

  /** Returns the live workers, those with the earliest end first. */
  list(now: number): QueueWorker[] {
    this.#forget(now);
    return [...this.#workers]
      .map(([name, { slots, liveUntil }]) => ({ name, slots, liveUntil }))
      .sort((a, b) => a.liveUntil - b.liveUntil || (a.name < b.name ? -1 : 1));
  }

  #forget(now: number): void {
    if (now < this.#earliestEnd) return;
    this.#earliestEnd = Number.POSITIVE_INFINITY;
    for (const [name, { liveUntil }] of this.#workers) {
      if (liveUntil <= now) this.retire(name);
      else this.#earliestEnd = Math.min(this.#earliestEnd, liveUntil);
    }
  }
}

import type { Clock } from "../ports/clock.ts";
import {
  type ClaimRequest,
  type FailOptions,
  type HeldResult,
  type JoinRequest,
  type QueueHour,
  type QueueSettings,
  type Queues,
  type QueueWorker,
  queueKeepMs,
} from "../ports/queues.ts";
import {
  fullQueueSettings,
  noQueue,
  queueInUse,
  requireBatch,
  requireClaimFits,
  requireJoinFits,
  requireLease,
  requireWorkerFits,
  tooManyQueues,
} from "../queue-bounds.ts";
import { type KeptQueue, type KeptTicket, MemoryQueue, type QueueKeeper } from "./memory-queue.ts";

/** Hears what changes in any queue, to keep it where it outlives the process. */
export interface QueuesKeeper extends QueueKeeper {
  removed(name: string): void;
}

/** A queue with all that it had, to be restored. */
export interface RestoredQueue {
  readonly name: string;
  readonly kept: KeptQueue;
  readonly tickets: Iterable<KeptTicket>;
  readonly workers: readonly QueueWorker[];
  readonly hours: readonly QueueHour[];
}

/** Queues of one process. They are lost when it ends. */
export class MemoryQueues implements Queues {
  readonly #clock: Pick<Clock, "monotonic">;
  /** Difference between the time of the store and the monotonic clock. The time of the store never goes back. */
  readonly #ahead: number;
  readonly #queues = new Map<string, MemoryQueue>();
  readonly #keeper: QueuesKeeper | undefined;

  constructor(clock: Pick<Clock, "monotonic" | "now">, keeper?: QueuesKeeper) {
    this.#clock = clock;
    this.#keeper = keeper;
    this.#ahead = clock.now() - clock.monotonic();
  }

  /** Adds a queue as it was when its keeper last heard of it. */
  restore({ name, kept, tickets, workers, hours }: RestoredQueue): void {
    const now = this.#now();
    const queue = new MemoryQueue(name, kept.settings, now, this.#keeper);
    queue.restore(kept, tickets);
    // One that has ended meanwhile is restored as well, so that the keeper hears of its end.
    for (const worker of workers) {
      queue.workers.beat(worker.name, now, worker.liveUntil, worker.slots);
    }
    for (const hour of hours) queue.counters.restore(hour);
    this.#queues.set(name, queue);
  }

  async configure(queue: string, settings: QueueSettings, maxQueues: number) {
    const full = fullQueueSettings(settings);
    const now = this.#now();
    const known = this.#find(queue);
    if (known !== undefined) {
      known.configure(full, now);
      return known.state(now);
    }
    if (this.#queues.size >= maxQueues) this.#forget(now);
    if (this.#queues.size >= maxQueues) tooManyQueues(maxQueues);
    const made = new MemoryQueue(queue, full, now, this.#keeper);
    this.#queues.set(queue, made);
    this.#keeper?.changed(made);
    return made.state(now);
  }

  async state(queue: string) {
    return this.#find(queue)?.state(this.#now());
  }

  async names() {
    this.#forget(this.#now());
    return [...this.#queues.keys()].sort();
  }

  async remove(queue: string) {
    const known = this.#find(queue);
    if (known?.isUsed) queueInUse(queue);
    return this.#delete(queue);
  }

  async join(queue: string, request: JoinRequest) {
    requireJoinFits(request);
    return this.#queue(queue).join(request, this.#now());
  }

  async get(queue: string, ids: readonly string[]) {
    requireBatch(ids);
    const found = this.#queue(queue);
    return ids.map((id) => found.get(id));
  }

  async find(queue: string, owner: string) {
    return this.#queue(queue).find(owner);
  }

  async head(queue: string, limit: number) {
    return this.#queue(queue).head(Math.min(limit, 100));
  }

  async running(queue: string, limit: number) {
    return this.#queue(queue).running(Math.min(limit, 1_000));
  }

  async leave(queue: string, id: string) {
    return this.#queue(queue).leave(id, this.#now());
  }

  async claim(queue: string, request: ClaimRequest) {
    requireClaimFits(request);
    return this.#queue(queue).claim(request, this.#now());
  }

  async extend(queue: string, id: string, fence: number, leaseMs?: number): Promise<HeldResult> {
    if (leaseMs !== undefined) requireLease(leaseMs);
    return this.#queue(queue).extend(id, fence, leaseMs, this.#now());
  }

  async finish(queue: string, id: string, fence: number): Promise<HeldResult> {
    return this.#queue(queue).finish(id, fence, this.#now());
  }

  async fail(
    queue: string,
    id: string,
    fence: number,
    options: FailOptions = {},
  ): Promise<HeldResult> {
    return this.#queue(queue).fail(id, fence, options, this.#now());
  }

  async markSeen(queue: string, ids: readonly string[], forMs: number) {
    requireBatch(ids);
    const found = this.#queue(queue);
    const now = this.#now();
    return found.mark(ids, now + forMs + found.settings.graceMs, true, now);
  }

  async markGone(queue: string, ids: readonly string[]) {
    requireBatch(ids);
    const found = this.#queue(queue);
    const now = this.#now();
    return found.mark(ids, now + found.settings.graceMs, false, now);
  }

  async suspend(queue: string) {
    this.#queue(queue).suspend(this.#now());
  }

  async sweep(queue: string, limit: number) {
    return this.#queue(queue).sweep(limit, this.#now());
  }

  async beat(queue: string, worker: string, slots: number, ttlMs: number) {
    requireWorkerFits(worker, slots);
    const now = this.#now();
    const found = this.#queue(queue);
    found.touch(now);
    found.workers.beat(worker, now, now + ttlMs, slots);
  }

  async retire(queue: string, worker: string) {
    const found = this.#queue(queue);
    found.workers.retire(worker);
    this.#keeper?.changed(found);
  }

  async workers(queue: string) {
    return this.#queue(queue).workers.list(this.#now()).slice(0, 1_000);
  }

  async noteEstimate(queue: string, id: string, p50Ms: number, p90Ms: number) {
    const now = this.#now();
    return this.#queue(queue).noteEstimate(id, now + p50Ms, now + p90Ms);
  }

  async statistics(queue: string, hours: number) {
    return this.#queue(queue).counters.list(this.#now(), hours);
  }

  #now(): number {
    return Math.round(this.#clock.monotonic() + this.#ahead);
  }

  #queue(name: string): MemoryQueue {
    return this.#find(name) ?? noQueue(name);
  }

  #find(name: string): MemoryQueue | undefined {
    const found = this.#queues.get(name);
    if (found === undefined || !isOver(found, this.#now())) return found;
    this.#delete(name);
    return undefined;
  }

  #forget(now: number): void {
    for (const [name, queue] of this.#queues) if (isOver(queue, now)) this.#delete(name);
  }

  #delete(name: string): boolean {
    const isKnown = this.#queues.delete(name);
    if (isKnown) this.#keeper?.removed(name);
    return isKnown;
  }
}

function isOver(queue: MemoryQueue, now: number): boolean {
  return !queue.isUsed && queue.touchedAt + queueKeepMs <= now;
}

import {
  type ClaimRequest,
  type FailOptions,
  type JoinRequest,
  type KeptQueue,
  type KeptTicket,
  type MemoryQueue,
  MemoryQueues,
  type QueueHour,
  type QueueSettings,
  type Queues,
  type QueueWorker,
} from "@milepost/engine";
import type { PortParts } from "./port-parts.ts";

/** What one queue has changed since the last commit. */
interface Changes {
  readonly tickets: Map<string, KeptTicket | undefined>;
  readonly workers: Set<string>;
}

/**
 * Queues in the file. The order of a queue is in memory, where a place costs O(log n); each transaction writes the rows of
 * what it has changed, and a start reads them all. So the memory that queues take is bounded by their `maxWaiting`.
 */
export class SqliteQueues implements Queues {
  readonly #parts: PortParts;
  readonly #statements;
  readonly #changed = new Map<MemoryQueue, Changes>();
  readonly #removed = new Set<string>();
  #loaded: MemoryQueues | undefined;

  constructor(parts: PortParts) {
    const { store } = parts;
    this.#parts = parts;
    this.#statements = {
      queues: store.prepare("SELECT name, json FROM queue ORDER BY rowid"),
      put: store.prepare(
        "INSERT INTO queue VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET json = excluded.json",
      ),
      remove: store.prepare("DELETE FROM queue WHERE name = ?"),
      parts: store.prepare(
        "SELECT id, json FROM queue_part WHERE queue = ? AND kind = ? ORDER BY id",
      ),
      putPart: store.prepare("INSERT OR REPLACE INTO queue_part VALUES (?, ?, ?, ?)"),
      removePart: store.prepare("DELETE FROM queue_part WHERE queue = ? AND kind = ? AND id = ?"),
      removeParts: store.prepare("DELETE FROM queue_part WHERE queue = ?"),
      removeHours: store.prepare(
        "DELETE FROM queue_part WHERE queue = ? AND kind = 'hour' AND id < ?",
      ),
    };
    store.beforeCommit(() => this.#write());
    store.onUndone(() => {
      this.#loaded = undefined;
      this.#changed.clear();
      this.#removed.clear();
    });
  }

  configure(queue: string, settings: QueueSettings, maxQueues: number) {
    return this.#step((queues) => queues.configure(queue, settings, maxQueues));
  }

  state(queue: string) {
    return this.#step((queues) => queues.state(queue));
  }

  names() {
    return this.#step((queues) => queues.names());
  }

  remove(queue: string) {
    return this.#step((queues) => queues.remove(queue));
  }

  join(queue: string, request: JoinRequest) {
    return this.#step((queues) => {
      this.#parts.store.requireRoom();
      return queues.join(queue, request);
    });
  }

  get(queue: string, ids: readonly string[]) {
    return this.#read((queues) => queues.get(queue, ids));
  }

  find(queue: string, owner: string) {
    return this.#read((queues) => queues.find(queue, owner));
  }

  head(queue: string, limit: number) {
    return this.#read((queues) => queues.head(queue, limit));
  }

  running(queue: string, limit: number) {
    return this.#read((queues) => queues.running(queue, limit));
  }

  leave(queue: string, id: string) {
    return this.#step((queues) => queues.leave(queue, id));
  }

  claim(queue: string, request: ClaimRequest) {
    return this.#step((queues) => queues.claim(queue, request));
  }

  extend(queue: string, id: string, fence: number, leaseMs?: number) {
    return this.#step((queues) => queues.extend(queue, id, fence, leaseMs));
  }

  finish(queue: string, id: string, fence: number) {
    return this.#step((queues) => queues.finish(queue, id, fence));
  }

  fail(queue: string, id: string, fence: number, options?: FailOptions) {
    return this.#step((queues) => queues.fail(queue, id, fence, options));
  }

  markSeen(queue: string, ids: readonly string[], forMs: number) {
    return this.#step((queues) => queues.markSeen(queue, ids, forMs));
  }

  markGone(queue: string, ids: readonly string[]) {
    return this.#step((queues) => queues.markGone(queue, ids));
  }

  suspend(queue: string) {
    return this.#step((queues) => queues.suspend(queue));
  }

  sweep(queue: string, limit: number) {
    return this.#step((queues) => queues.sweep(queue, limit));
  }

  beat(queue: string, worker: string, slots: number, ttlMs: number) {
    return this.#step((queues) => queues.beat(queue, worker, slots, ttlMs));
  }

  retire(queue: string, worker: string) {
    return this.#step((queues) => queues.retire(queue, worker));
  }

  workers(queue: string) {
    return this.#step((queues) => queues.workers(queue));
  }

  noteEstimate(queue: string, id: string, p50Ms: number, p90Ms: number) {
    return this.#step((queues) => queues.noteEstimate(queue, id, p50Ms, p90Ms));
  }

  statistics(queue: string, hours: number) {
    return this.#read((queues) => queues.statistics(queue, hours));
  }

  /** The calls of the memory engine run to their end at once; only their results are promises. */
  async #step<T>(call: (queues: MemoryQueues) => Promise<T>): Promise<T> {
    const { result } = await this.#parts.store.step(() => handled(call(this.#queues())));
    return result;
  }

  async #read<T>(call: (queues: MemoryQueues) => Promise<T>): Promise<T> {
    const { result } = await this.#parts.store.read(() => handled(call(this.#queues())));
    return result;
  }

  #queues(): MemoryQueues {
    if (this.#loaded !== undefined) return this.#loaded;
    const { storeClock } = this.#parts;
    const now = () => storeClock.now();
    const queues = new MemoryQueues(
      { now, monotonic: now },
      {
        changed: (queue) => this.#changesOf(queue),
        ticket: (queue, ticket) => this.#changesOf(queue).tickets.set(ticket.id, ticket),
        forgotten: (queue, id) => this.#changesOf(queue).tickets.set(id, undefined),
        worker: (queue, name) => this.#changesOf(queue).workers.add(name),
        removed: (name) => this.#remove(name),
      },
    );
    for (const row of this.#statements.queues.all()) {
      const name = String(row.name);
      queues.restore({
        name,
        kept: JSON.parse(String(row.json)) as KeptQueue,
        tickets: this.#partsOf<KeptTicket>(name, "ticket"),
        workers: this.#partsOf<QueueWorker>(name, "worker"),
        hours: this.#partsOf<QueueHour>(name, "hour"),
      });
    }
    this.#loaded = queues;
    return queues;
  }

  #partsOf<T>(queue: string, kind: "ticket" | "worker" | "hour"): T[] {
    return this.#statements.parts.all(queue, kind).map(({ json }) => JSON.parse(String(json)) as T);
  }

  #changesOf(queue: MemoryQueue): Changes {
    let changes = this.#changed.get(queue);
    if (changes === undefined) {
      changes = { tickets: new Map(), workers: new Set() };
      this.#changed.set(queue, changes);
    }
    return changes;
  }

  #remove(name: string): void {
    for (const queue of this.#changed.keys()) if (queue.name === name) this.#changed.delete(queue);
    this.#removed.add(name);
  }

  #write(): void {
    for (const name of this.#removed) {
      this.#statements.remove.run(name);
      this.#statements.removeParts.run(name);
    }
    this.#removed.clear();
    for (const [queue, { tickets, workers }] of this.#changed) {
      const { name } = queue;
      this.#statements.put.run(name, JSON.stringify(queue.kept));
      for (const [id, ticket] of tickets) this.#writePart(name, "ticket", id, ticket);
      for (const worker of workers) {
        this.#writePart(name, "worker", worker, queue.workers.get(worker));
      }
      if (tickets.size > 0) this.#writeHour(queue);
    }
    this.#changed.clear();
  }

  #writePart(queue: string, kind: "ticket" | "worker", id: string, part: object | undefined): void {
    if (part === undefined) this.#statements.removePart.run(queue, kind, id);
    else this.#statements.putPart.run(queue, kind, id, JSON.stringify(part));
  }

  #writeHour(queue: MemoryQueue): void {
    const now = this.#parts.storeClock.now();
    const [hour] = queue.counters.list(now, 1);
    if (hour === undefined) return;
    this.#statements.putPart.run(queue.name, "hour", hourName(hour.at), JSON.stringify(hour));
    this.#statements.removeHours.run(queue.name, hourName(now - 49 * 3_600_000));
  }
}

/** Name of an hour that sorts as the hours do. */
function hourName(at: number): string {
  return new Date(at).toISOString();
}

/** Keeps a rejection from counting as unhandled until the caller looks at it. */
function handled<T>(result: Promise<T>): { readonly result: Promise<T> } {
  result.catch(() => {});
  return { result };
}

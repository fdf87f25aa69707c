import type { Clock } from "@milepost/engine";
import type { ProcessMetrics } from "../metrics/exposition.ts";
import { type WorkerMessage, workerMessage } from "./worker-messages.ts";

/** A worker, as the exchange of metrics sees it. */
export interface ExchangePort {
  isConnected(): boolean;
  send(message: WorkerMessage, sent: () => void): unknown;
  on(event: "message", listener: (message: unknown) => void): unknown;
}

/** Time that the workers have to give their metrics, in milliseconds. */
const collectMs = 2_000;

interface Collection {
  readonly waitsFor: Set<ExchangePort>;
  readonly metrics: ProcessMetrics[];
  finish(): void;
}

/**
 * Passes metrics between the workers of a supervisor, so that a scrape of any worker shows all of them.
 *
 * Each worker has the smallest number that is free. A worker that replaces another one takes over its number once that
 * one has ended, so the numbers stay few.
 */
export class WorkerExchange {
  readonly #clock: Pick<Clock, "after">;
  readonly #numbers = new Map<ExchangePort, number>();
  readonly #collections = new Map<number, Collection>();
  #collected = 0;

  constructor(clock: Pick<Clock, "after">) {
    this.#clock = clock;
  }

  add(worker: ExchangePort): void {
    const taken = new Set(this.#numbers.values());
    let number = 1;
    while (taken.has(number)) number++;
    this.#numbers.set(worker, number);
    worker.on("message", (received) => {
      const message = workerMessage(received);
      if (message?.milepost === "metrics?") this.#collectFor(worker, message.id);
      if (message?.milepost !== "metrics") return;
      const { id, metrics } = message;
      const collection = this.#collections.get(id);
      if (collection?.waitsFor.has(worker) !== true) return;
      collection.metrics.push({ worker: this.#numbers.get(worker) ?? 0, metrics });
      this.#answered(collection, worker);
    });
  }

  /** Forgets a worker that has ended. */
  remove(worker: ExchangePort): void {
    this.#numbers.delete(worker);
    for (const collection of this.#collections.values()) this.#answered(collection, worker);
  }

  #collectFor(asker: ExchangePort, asked: number): void {
    const id = ++this.#collected;
    const others = [...this.#numbers.keys()].filter(
      (worker) => worker !== asker && worker.isConnected(),
    );
    const metrics: ProcessMetrics[] = [];
    const cancel = this.#clock.after(collectMs, () => finish());
    const finish = () => {
      cancel();
      this.#collections.delete(id);
      const worker = this.#numbers.get(asker);
      if (worker === undefined || !asker.isConnected()) return;
      asker.send({ milepost: "siblings", id: asked, worker, others: metrics }, () => {});
    };
    const collection = { waitsFor: new Set(others), metrics, finish };
    this.#collections.set(id, collection);
    for (const worker of others) worker.send({ milepost: "metrics?", id }, () => {});
    if (others.length === 0) finish();
  }

  #answered(collection: Collection, worker: ExchangePort): void {
    if (collection.waitsFor.delete(worker) && collection.waitsFor.size === 0) collection.finish();
  }
}

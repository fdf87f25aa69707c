import { within } from "../runtime/within.ts";
import { type Exposition, expose, type ProcessMetrics as OfProcess } from "./exposition.ts";
import { MetricStore, type MetricValues } from "./metric-store.ts";
import { ProcessMetrics } from "./process-metrics.ts";

/** Time that the store has to answer before a scrape goes on without it, in milliseconds. */
const refreshMs = 300;

/** The other workers of a gateway of several processes. */
export interface SiblingMetrics {
  /** Sets the only source of the metrics that this process gives to the others. */
  serve(collect: () => Promise<readonly MetricValues[]>): void;
  /** Resolves with the metrics of all workers that answer in time, and with the number of this one. */
  ask(): Promise<{ readonly worker: number; readonly others: readonly OfProcess[] }>;
  close(): void;
}

/** Metrics of a gateway: those of its node and of its process, and with workers those of all of them. */
export class GatewayMetrics {
  /** Meter of the node. */
  readonly meter = new MetricStore();
  readonly #process = new ProcessMetrics(this.meter);
  readonly #siblings: SiblingMetrics | undefined;
  #refresh: () => Promise<void> = () => Promise.resolve();
  #collecting: Promise<readonly OfProcess[]> | undefined;

  constructor(siblings?: SiblingMetrics) {
    this.#siblings = siblings;
    siblings?.serve(() => this.#own());
  }

  /** Sets what is read before each scrape; a scrape waits for it for a short time only. */
  refreshWith(refresh: () => Promise<void>): void {
    this.#refresh = refresh;
  }

  /** Begins to observe the process. Without this, the first scrape begins it. */
  start(): void {
    this.#process.start();
  }

  /** Returns all metrics as text, in the format that the scraper prefers. Scrapes at one time share their reading. */
  async expose(accept?: string): Promise<Exposition> {
    this.#collecting ??= this.#collect().finally(() => {
      this.#collecting = undefined;
    });
    return expose(await this.#collecting, accept);
  }

  close(): void {
    this.#process.stop();
    this.#siblings?.close();
  }

  async #own(): Promise<readonly MetricValues[]> {
    await Promise.all([this.#process.prepare(), within(refreshMs, this.#refresh())]);
    return this.meter.collect();
  }

  async #collect(): Promise<readonly OfProcess[]> {
    if (this.#siblings === undefined) return [{ metrics: await this.#own() }];
    const [metrics, { worker, others }] = await Promise.all([this.#own(), this.#siblings.ask()]);
    return [{ worker, metrics }, ...others].sort((a, b) => (a.worker ?? 0) - (b.worker ?? 0));
  }
}

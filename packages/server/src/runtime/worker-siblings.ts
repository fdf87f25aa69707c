import type { Clock } from "@milepost/engine";
import type { SiblingMetrics } from "../metrics/gateway-metrics.ts";
import type { MetricValues } from "../metrics/metric-store.ts";
import { type SiblingsAnswer, type WorkerMessage, workerMessage } from "./worker-messages.ts";

/** Part of a worker's process that reaches its supervisor. */
export interface SupervisorPort {
  on(event: "message", listener: (message: unknown) => void): unknown;
  removeListener(event: "message", listener: (message: unknown) => void): unknown;
  readonly connected?: boolean | undefined;
  send?(message: WorkerMessage, sent: (error: Error | null) => void): unknown;
}

/** Time within which the supervisor must answer, in milliseconds; it waits less long for the workers. */
const answerMs = 3_000;

/** Gets the metrics of the other workers through the supervisor, and gives it those of this worker. */
export class WorkerSiblings implements SiblingMetrics {
  readonly #port: SupervisorPort;
  readonly #clock: Pick<Clock, "after">;
  /** Number of this worker where the supervisor does not answer. */
  readonly #fallback: number;
  readonly #waiting = new Map<number, (answer: SiblingsAnswer | undefined) => void>();
  #collect: () => Promise<readonly MetricValues[]> = () => Promise.resolve([]);
  #asked = 0;

  constructor(port: SupervisorPort, clock: Pick<Clock, "after">, fallback: number) {
    this.#port = port;
    this.#clock = clock;
    this.#fallback = fallback;
    port.on("message", this.#onMessage);
  }

  serve(collect: () => Promise<readonly MetricValues[]>): void {
    this.#collect = collect;
  }

  async ask(): Promise<Pick<SiblingsAnswer, "worker" | "others">> {
    const id = ++this.#asked;
    const answer = await new Promise<SiblingsAnswer | undefined>((resolve) => {
      const cancel = this.#clock.after(answerMs, () => settle(undefined));
      const settle = (answer: SiblingsAnswer | undefined) => {
        cancel();
        this.#waiting.delete(id);
        resolve(answer);
      };
      this.#waiting.set(id, settle);
      this.#send({ milepost: "metrics?", id });
    });
    return answer ?? { worker: this.#fallback, others: [] };
  }

  close(): void {
    this.#port.removeListener("message", this.#onMessage);
    for (const settle of this.#waiting.values()) settle(undefined);
  }

  readonly #onMessage = (received: unknown): void => {
    const message = workerMessage(received);
    if (message?.milepost === "siblings") this.#waiting.get(message.id)?.(message);
    if (message?.milepost !== "metrics?") return;
    const { id } = message;
    this.#collect().then(
      (metrics) => this.#send({ milepost: "metrics", id, metrics }),
      // The supervisor answers without this worker once its time is over.
      () => {},
    );
  };

  #send(message: WorkerMessage): void {
    if (this.#port.connected !== false) this.#port.send?.(message, () => {});
  }
}

import type { Engine, TakenDelivery } from "@milepost/engine";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";
import type { ErrandRunner } from "./errand-runner.ts";
import { deliveryBounds } from "./reach.ts";

const intervalMs = 1_000;
const maxIntervalMs = 30_000;
/** Attempts of this node under way at a time. */
const maxRunning = 64;
/** Longer than an attempt may take, so that no two nodes attempt the same delivery. */
const leaseMs = 60_000;

/** Parts of the node that a {@link DeliveryLoop} uses. */
export interface DeliveryLoopContext {
  readonly deliveries: Engine["deliveries"];
  readonly runner: Pick<ErrandRunner, "run" | "retryMs">;
  readonly wheel: TimerWheel;
  readonly onError: (error: unknown) => void;
}

/**
 * Takes the deliveries that are due, and does each. A target that hangs keeps only its own attempt waiting, of which 64
 * may be under way. Every node runs such a loop; each delivery is taken by one of them.
 */
export class DeliveryLoop extends Deadline {
  readonly #context: DeliveryLoopContext;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #turn: Promise<void> | undefined;
  #failures = 0;

  constructor(context: DeliveryLoopContext) {
    super();
    this.#context = context;
  }

  override onDue(): void {
    this.#turn ??= this.#takeTurn().finally(() => {
      this.#turn = undefined;
      if (this.#closing.signal.aborted) return;
      const waitMs = Math.min(intervalMs * 2 ** this.#failures, maxIntervalMs);
      this.#context.wheel.set(this, waitMs);
    });
  }

  /** Ends the attempts that are under way, which are then due at once for another node. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#context.wheel.clear(this);
    await this.#turn;
    await Promise.all(this.#running);
  }

  /** Takes what is due until nothing is, or too many attempts are under way. */
  async #takeTurn(): Promise<void> {
    const { deliveries, onError } = this.#context;
    try {
      for (;;) {
        const room = maxRunning - this.#running.size;
        if (room === 0 || this.#closing.signal.aborted) return;
        const taken = await deliveries.take(room, leaseMs);
        for (const delivery of taken) this.#start(delivery);
        this.#failures = 0;
        if (taken.length < room) return;
        // Most of what is due is done in no time.
        await Promise.race(this.#running);
      }
    } catch (error) {
      // A long outage of the store is reported once.
      if (this.#failures++ === 0) onError(error);
    }
  }

  #start(delivery: TakenDelivery): void {
    const doing = this.#do(delivery).finally(() => this.#running.delete(doing));
    this.#running.add(doing);
  }

  async #do(delivery: TakenDelivery): Promise<void> {
    const { deliveries, runner, onError } = this.#context;
    const { signal } = this.#closing;
    try {
      const further = await runner.run(delivery, signal);
      const again = signal.aborted && further !== undefined ? { ...further, dueInMs: 0 } : further;
      await deliveries.settle(delivery, again, deliveryBounds);
    } catch (error) {
      onError(error);
      const dueInMs = runner.retryMs(delivery.attempt);
      await deliveries.settle(delivery, { dueInMs }, deliveryBounds).catch(onError);
    }
  }
}

import type { Queues as QueueStore, QueueTicket as StoredTicket } from "@milepost/engine";
import { Deadline, type TimerWheel } from "../runtime/timer-wheel.ts";

const sweepMs = 1_000;
const sweptTogether = 500;
const maxSweeps = 20;
/** Interval at which the settings of queues are compared with their rules and their time zones, in milliseconds. */
const renewMs = 600_000;

/** Parts of the node that {@link QueueUpkeep} uses. */
export interface QueueUpkeepContext {
  readonly store: QueueStore;
  readonly wheel: TimerWheel;
  readonly now: () => number;
  /** Called with each ticket that a sweep has moved. */
  readonly onMoved: (queue: string, ticket: StoredTicket) => Promise<void>;
  /** Compares the settings of a queue with its rule. */
  readonly renew: (queue: string) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * Sweeps of all queues: tickets of dead workers return to their places, and tickets whose people are gone leave.
 *
 * With a shared engine, the node that holds the sweep lease sweeps. A node alone sweeps every second while it has queues.
 */
export class QueueUpkeep extends Deadline {
  readonly #context: QueueUpkeepContext;
  readonly #renewedAt = new Map<string, number>();
  #isClosed = false;

  constructor(context: QueueUpkeepContext) {
    super();
    this.#context = context;
  }

  /** Starts the sweeps of a node that is alone; does nothing if they run already. */
  start(): void {
    if (this.dueAt === undefined && !this.#isClosed) this.#context.wheel.set(this, sweepMs);
  }

  override onDue(): void {
    void this.sweep()
      .catch(this.#context.onError)
      .then(() => this.start());
  }

  /** Sweeps every queue once. A queue that cannot be swept does not keep the others waiting. */
  async sweep(): Promise<void> {
    const { store, onError } = this.#context;
    for (const name of await store.names()) {
      if (this.#isClosed) return;
      await this.#sweep(name).catch(onError);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#context.wheel.clear(this);
  }

  async #sweep(name: string): Promise<void> {
    const { store, onMoved, renew, now, onError } = this.#context;
    for (let i = 0; i < maxSweeps; i++) {
      const { returned, failed, gone, hasMore } = await store.sweep(name, sweptTogether);
      for (const ticket of [...returned, ...failed, ...gone]) {
        await onMoved(name, ticket).catch(onError);
      }
      if (!hasMore) break;
    }
    if (now() - (this.#renewedAt.get(name) ?? Number.NEGATIVE_INFINITY) < renewMs) return;
    this.#renewedAt.set(name, now());
    await renew(name);
  }
}

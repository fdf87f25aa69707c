import type { Clock, QueueSettings, QueueState, Queues as QueueStore } from "@milepost/engine";
import type { ConfigureQueue, QueueCapacity } from "@milepost/model";
import { isRecord, MilepostError } from "@milepost/protocol";
import { storedCapacity } from "./capacity.ts";
import type { QueueBook, ResolvedQueue } from "./queue-book.ts";
import type { QueueLanes } from "./queue-rule.ts";

/** Settings of a queue that an API key has changed; they replace those of the rule. */
interface Configured {
  readonly capacity?: QueueCapacity;
  readonly lanes?: QueueLanes;
}

/** Parts of the node that {@link StoredQueues} uses. */
export interface StoredQueuesContext {
  readonly store: QueueStore;
  readonly book: QueueBook;
  readonly clock: Clock;
  readonly maxQueues: number;
}

/** Queues as the store keeps them: made from their rules, and changed by API keys. */
export class StoredQueues {
  readonly #context: StoredQueuesContext;

  constructor(context: StoredQueuesContext) {
    this.#context = context;
  }

  /** Applies a configuration to a queue, which it creates if there is none. */
  async configure(queue: ResolvedQueue, input: ConfigureQueue): Promise<QueueState> {
    const { store } = this.#context;
    const before = await store.state(queue.name);
    return this.#put(queue, { ...configuredIn(before?.settings), ...input });
  }

  /**
   * Runs a step on a queue, which it first makes from its rule if the store has none. Rejects with `not_found` if it has no rule
   * for this one queue either.
   */
  async through<T>(queue: ResolvedQueue, step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (!isMissing(error)) throw error;
      if (!isForOneQueue(queue)) throw missingQueue(queue.name);
      await this.#put(queue, {});
      return step();
    }
  }

  /**
   * Writes the settings of a queue again if its rule has changed since they were written, or the clocks of its schedule's time
   * zone.
   */
  async renew(queue: ResolvedQueue): Promise<void> {
    const state = await this.#context.store.state(queue.name);
    if (state === undefined) return;
    const configured = configuredIn(state.settings);
    const wanted = this.#settingsOf(queue, configured);
    const isSame = Object.entries(wanted).every(
      ([name, value]) =>
        JSON.stringify(value) === JSON.stringify(state.settings[name as keyof QueueSettings]),
    );
    if (!isSame) await this.#put(queue, configured);
  }

  /** Returns the capacity of a queue as it was configured. */
  capacityOf({ rule }: ResolvedQueue, settings: QueueSettings): QueueCapacity {
    return configuredIn(settings).capacity ?? rule.capacity ?? "workers";
  }

  #put(queue: ResolvedQueue, configured: Configured): Promise<QueueState> {
    const { store, maxQueues } = this.#context;
    return store.configure(queue.name, this.#settingsOf(queue, configured), maxQueues);
  }

  #settingsOf(queue: ResolvedQueue, configured: Configured): QueueSettings {
    const capacity = configured.capacity ?? queue.rule.capacity ?? "workers";
    return {
      capacity: storedCapacity(capacity, this.#context.clock.now()),
      lanes: configured.lanes ?? queue.lanes,
      maxWaiting: queue.maxWaiting,
      graceMs: queue.graceMs,
      leaseMs: queue.leaseMs,
      maxClaims: queue.maxAttempts,
      data: JSON.stringify(configured),
    };
  }
}

/** Returns the error for a queue that neither a rule nor an API key has made. */
export function missingQueue(name: string): MilepostError {
  return new MilepostError(
    "not_found",
    `there is no queue ${name}; configure it with PUT /v1/queues/${name}, or name it in the setting queues`,
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof MilepostError && error.code === "not_found";
}

/** True for a rule that names one queue. Any text could be the name of a queue of another rule, so nobody makes those by joining. */
function isForOneQueue({ rule, name }: ResolvedQueue): boolean {
  return rule.queue === name;
}

function configuredIn(settings: QueueSettings | undefined): Configured {
  const value: unknown = JSON.parse(settings?.data ?? "{}");
  return isRecord(value) ? value : {};
}

import type { EngineFactory } from "../ports/engine.ts";
import { defaultMemoryBytes } from "./memory-budget.ts";
import { MemoryBus } from "./memory-bus.ts";
import { MemoryChannelLog } from "./memory-channel-log.ts";
import { MemoryDeadLetterStore } from "./memory-dead-letter-store.ts";
import { MemoryDeliveries } from "./memory-deliveries.ts";
import { MemoryDurableSubscribers } from "./memory-durable-subscribers.ts";
import { MemoryDurations } from "./memory-durations.ts";
import { MemoryHoldings } from "./memory-holdings.ts";
import { MemoryInbox } from "./memory-inbox.ts";
import { MemoryLeases } from "./memory-leases.ts";
import { MemoryOperationIndex } from "./memory-operation-index.ts";
import { MemoryPresences } from "./memory-presence.ts";
import { MemoryQuestions } from "./memory-questions.ts";
import { MemoryQueues } from "./memory-queues.ts";
import { MemoryRecords } from "./memory-records.ts";
import { MemoryRegistry } from "./memory-registry.ts";
import { MemoryRevocations } from "./memory-revocations.ts";
import { MemorySignals } from "./memory-signals.ts";
import { MemorySingleUse } from "./memory-single-use.ts";
import { MemoryTargets } from "./memory-targets.ts";

/** Options of {@link memoryEngine}. */
export interface MemoryEngineOptions {
  /**
   * Bytes that the logs of all channels may take in memory; default `maxMemoryBytes` of the node's limits, 64 MiB.
   * Beyond it the heaviest logs lose their oldest entries.
   */
  readonly maxBytes?: number;
}

/**
 * Returns the factory of an engine that keeps everything in the memory of one process. It needs no store, and
 * loses all when the process ends.
 */
export function memoryEngine({ maxBytes }: MemoryEngineOptions = {}): EngineFactory {
  return ({ clock, random, onTrimmed, onFull, maxMemoryBytes = defaultMemoryBytes }) => {
    const bus = new MemoryBus();
    const log = new MemoryChannelLog(clock, random, bus, {
      maxBytes: maxBytes ?? maxMemoryBytes,
      ...(onTrimmed === undefined ? {} : { onTrimmed }),
      ...(onFull === undefined ? {} : { onFull }),
    });
    return {
      name: "memory",
      log,
      bus,
      operations: new MemoryOperationIndex(clock),
      leases: new MemoryLeases(clock, random),
      presence: new MemoryPresences(clock, random).connect(),
      durable: new MemoryDurableSubscribers(clock),
      deadLetters: new MemoryDeadLetterStore(clock, random),
      registry: new MemoryRegistry(clock),
      signals: new MemorySignals(),
      revocations: new MemoryRevocations(clock),
      durations: new MemoryDurations(clock),
      records: new MemoryRecords(clock),
      singleUse: new MemorySingleUse(clock),
      questions: new MemoryQuestions(clock),
      holdings: new MemoryHoldings(clock),
      queues: new MemoryQueues(clock),
      deliveries: new MemoryDeliveries(clock),
      targets: new MemoryTargets(clock),
      inbox: new MemoryInbox(clock),
      memoryBytes: () => log.bytes,
      isFull: () => log.isFull,
      close: () => log.close(),
    };
  };
}

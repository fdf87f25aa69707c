import type { Bus } from "./bus.ts";
import type { ChannelLog } from "./channel-log.ts";
import type { Clock } from "./clock.ts";
import type { DeadLetterStore } from "./dead-letter-store.ts";
import type { Deliveries } from "./deliveries.ts";
import type { DurableSubscribers } from "./durable-subscribers.ts";
import type { Durations } from "./durations.ts";
import type { Holdings } from "./holdings.ts";
import type { Inbox } from "./inbox.ts";
import type { Leases } from "./leases.ts";
import type { OperationIndex } from "./operation-index.ts";
import type { Presence } from "./presence.ts";
import type { Questions } from "./questions.ts";
import type { Queues } from "./queues.ts";
import type { Random } from "./random.ts";
import type { Records } from "./records.ts";
import type { Registry } from "./registry.ts";
import type { Revocations } from "./revocations.ts";
import type { Signals } from "./signals.ts";
import type { SingleUse } from "./single-use.ts";
import type { StoreWatch } from "./store-health.ts";
import type { Targets } from "./targets.ts";

/** Shared state behind ports: one per deployment, in memory or in Redis. */
export interface Engine {
  readonly name: string;
  readonly log: ChannelLog;
  readonly bus: Bus;
  readonly operations: OperationIndex;
  readonly leases: Leases;
  readonly presence: Presence;
  readonly durable: DurableSubscribers;
  readonly deadLetters: DeadLetterStore;
  readonly registry: Registry;
  readonly signals: Signals;
  readonly revocations: Revocations;
  readonly durations: Durations;
  readonly records: Records;
  readonly singleUse: SingleUse;
  readonly holdings: Holdings;
  readonly queues: Queues;
  readonly deliveries: Deliveries;
  readonly targets: Targets;
  readonly inbox: Inbox;
  readonly questions: Questions;
  /**
   * True when several nodes may use the engine, so that each node must also take care of what dead nodes left
   * behind.
   */
  readonly isShared?: boolean;
  /** True when the entries of logs outlive this process. */
  readonly isDurable?: boolean;
  /**
   * When a write counts as done: once the disk has it (`full`), or once the operating system has it (`normal`); absent where
   * the store does not say.
   */
  readonly durability?: "full" | "normal";
  /** Approximate number of bytes that the logs take in the memory of this process; absent where they take none. */
  readonly memoryBytes?: () => number;
  /**
   * True while the engine refuses entries because the logs have no room in the memory of this process; absent where they take
   * none.
   */
  readonly isFull?: () => boolean;
  /** Time of the store, in milliseconds since 1970, by which entries are dated; absent where that is the node's clock. */
  readonly now?: () => number;
  /**
   * Resolves with the memory of the store's fullest server, in bytes; `max` is 0 without a bound. Rejects when the store
   * cannot be asked. Absent where the store is part of the process.
   */
  readonly storeMemory?: () => Promise<StoreMemory>;
  /** Sizes of the files of the store; absent where it has none of this process. */
  readonly dataSizes?: () => DataSizes;
  /** Health of the store; absent when the store is part of the process, which cannot lose it. */
  readonly store?: StoreWatch;
  close(): Promise<void>;
}

/** Memory of a server of the store, in bytes. */
export interface StoreMemory {
  readonly used: number;
  /** Bound of the server; 0 for none. */
  readonly max: number;
}

/** Sizes of the files of an embedded store, in bytes. */
export interface DataSizes {
  /** Size of the file, with what is free in it. */
  readonly file: number;
  /** Part of the file that is free for new data. */
  readonly free: number;
  /** Size of the write-ahead log. */
  readonly wal: number;
  /** Bytes that the file may have without what is free in it. */
  readonly max: number;
}

/**
 * Work of an embedded store that is done. `ms` of a commit is the time that it kept the thread of the gateway, that of a sync or
 * a checkpoint the time until it ended. A refused step was refused because the file is `full`, or for a `fault` of the disk.
 */
export type DataWork =
  | { readonly kind: "commit"; readonly writes: number; readonly ms: number }
  | { readonly kind: "sync"; readonly ms: number }
  | { readonly kind: "checkpoint"; readonly ms: number }
  | { readonly kind: "refused"; readonly reason: "full" | "fault" };

/** Dependencies that an engine is created with. */
export interface EngineContext {
  readonly clock: Clock;
  readonly random: Random;
  /** Bytes that logs may take in the memory of this process, for an engine that keeps them there. */
  readonly maxMemoryBytes?: number;
  /** Called when entries are dropped from logs, with the reason and their number. */
  readonly onTrimmed?: OnTrimmed;
  /** Called when `isFull` of the engine begins or ends to be true; the end may be noticed with the next entry. */
  readonly onFull?: (isFull: boolean) => void;
  /** Called after each call of a script of the store, with its name, whether it was answered, and its time. */
  readonly onCall?: (script: string, isAnswered: boolean, ms: number) => void;
  /** Called after each piece of work of a store in files of this process. It must not throw. */
  readonly onDataWork?: (work: DataWork) => void;
}

/** Reason why entries were dropped from a log: the bound of its policy, or the budget of the node's memory. */
export type TrimReason = "entries" | "bytes" | "age" | "budget" | "compacted";

/** Receives the number of entries that were dropped, and why. */
export type OnTrimmed = (reason: TrimReason, entries: number) => void;

/** Creates an engine once the node's clock and randomness are known. */
export type EngineFactory = (context: EngineContext) => Engine;

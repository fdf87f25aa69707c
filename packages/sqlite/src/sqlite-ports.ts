import {
  type Clock,
  type Engine,
  MemoryBus,
  MemoryPresences,
  MemoryRegistry,
  MemorySignals,
  type OnTrimmed,
  type Random,
} from "@milepost/engine";
import type { Database } from "./driver/database.ts";
import { Housekeeping } from "./housekeeping.ts";
import type { PortParts } from "./port-parts.ts";
import type { realAfter } from "./real-after.ts";
import { SqliteChannelLog } from "./sqlite-channel-log.ts";
import { SqliteDeadLetterStore } from "./sqlite-dead-letter-store.ts";
import { SqliteDeliveries } from "./sqlite-deliveries.ts";
import { SqliteDurableSubscribers } from "./sqlite-durable-subscribers.ts";
import { SqliteDurations } from "./sqlite-durations.ts";
import { SqliteHoldings } from "./sqlite-holdings.ts";
import { SqliteInbox } from "./sqlite-inbox.ts";
import { SqliteLeases } from "./sqlite-leases.ts";
import { SqliteOperationIndex } from "./sqlite-operation-index.ts";
import { SqliteQuestions } from "./sqlite-questions.ts";
import { SqliteQueues } from "./sqlite-queues.ts";
import { SqliteRecords } from "./sqlite-records.ts";
import { SqliteRevocations } from "./sqlite-revocations.ts";
import { SqliteSingleUse } from "./sqlite-single-use.ts";
import type { SqliteStore } from "./sqlite-store.ts";
import { SqliteTargets } from "./sqlite-targets.ts";
import { StoreClock } from "./store-clock.ts";

/** Parts of {@link sqlitePorts}. */
export interface SqlitePortsParts {
  readonly database: Database;
  readonly store: SqliteStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly maxMemoryBytes: number;
  readonly onTrimmed: OnTrimmed;
  /** Runs the turns of the housekeeping. */
  readonly after: typeof realAfter;
}

/** Every port on one open store. */
export interface SqlitePorts {
  readonly ports: Omit<Engine, "close">;
  readonly log: SqliteChannelLog;
  /** Ends the housekeeping; the store stays open. */
  close(): void;
}

/** Creates every port on one open store. What need not outlive the process is that of the memory engine. */
export function sqlitePorts(parts: SqlitePortsParts): SqlitePorts {
  const { database, store, clock, random, maxMemoryBytes, onTrimmed, after } = parts;
  const lastKnown = database.prepare("SELECT value FROM meta WHERE name = 'clock'").get();
  const storeClock = new StoreClock(clock, Number(lastKnown?.value ?? 0));
  const keepClock = database.prepare("INSERT OR REPLACE INTO meta VALUES ('clock', ?)");
  store.beforeCommit(() => keepClock.run(storeClock.now()));
  const shared: PortParts = { store, storeClock, clock, random };
  const bus = new MemoryBus();
  const log = new SqliteChannelLog({ ...shared, bus, maxMemoryBytes, onTrimmed });
  const inbox = new SqliteInbox(shared);
  const housekeeping = new Housekeeping(shared, { log, inbox }, after);
  const ports = {
    name: "sqlite",
    log,
    bus,
    operations: new SqliteOperationIndex(shared),
    leases: new SqliteLeases(shared),
    presence: new MemoryPresences(clock, random).connect(),
    durable: new SqliteDurableSubscribers(shared),
    deadLetters: new SqliteDeadLetterStore(shared),
    registry: new MemoryRegistry(clock),
    signals: new MemorySignals(),
    revocations: new SqliteRevocations(shared),
    durations: new SqliteDurations(shared),
    records: new SqliteRecords(shared),
    singleUse: new SqliteSingleUse(shared),
    questions: new SqliteQuestions(shared),
    holdings: new SqliteHoldings(shared),
    queues: new SqliteQueues(shared),
    deliveries: new SqliteDeliveries(shared),
    targets: new SqliteTargets(shared),
    inbox,
    isDurable: true,
    store,
  } as const;
  return { ports, log, close: () => housekeeping.close() };
}

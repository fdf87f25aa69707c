import { hashOf } from "@milepost/checker/recording";
import {
  type Appended,
  type ChannelLog,
  type Clock,
  type Engine,
  type EngineFactory,
  type Leases,
  type LogPolicy,
  MemoryPresences,
  memoryEngine,
  type NewEntry,
} from "@milepost/engine";
import { formatPosition, MilepostError, type Position, type Publication } from "@milepost/protocol";
import { SimulatedFile, type SimulatedFileParts } from "@milepost/sqlite/testing";
import type { Journal } from "./journal.ts";
import { Refusals } from "./refusals.ts";
import { SeededRandom } from "./seeded-random.ts";
import { type BusWeather, NodeBus } from "./store-bus.ts";
import type { VirtualTime } from "./virtual-time.ts";

interface Kept {
  readonly entry: NewEntry;
  readonly position: Position;
  readonly policy: LogPolicy;
}

/** Longest time from the first write of a transaction of the embedded store until it is committed, in milliseconds. */
const longestCommitMs = 5;

/** Options of the embedded store. */
export type EmbeddedStore = Pick<SimulatedFileParts, "folder" | "spoil">;

/** Policy of a purge that no rule governs. */
const anyPolicy: LogPolicy = { maxEntries: 1, maxAgeMs: 1, dedupeMs: 1 };

/** Hook that alters the log which a node receives from the store, for mutants. */
export type SpoilLog = (log: ChannelLog) => ChannelLog;

/**
 * Store that all nodes of a cluster share: the memory engine behind a network. Or the embedded store of one node, which
 * crashes with it.
 *
 * Calls of a node take time and keep their order. Four faults are possible. The store refuses or holds the
 * calls of a node. It stores an entry but its answer is lost. A log is purged. A log loses its tail and
 * continues.
 */
export class Store {
  readonly #time: VirtualTime;
  readonly #journal: Journal;
  readonly #random: SeededRandom;
  /** Opens the store in a new process; absent for the one in memory, whose process never ends. */
  readonly #file: SimulatedFile | undefined;
  #engine: Engine;
  #presences: MemoryPresences;
  readonly #clock: Clock;
  readonly #buses = new Set<NodeBus>();
  readonly #attached = new Set<string>();
  readonly #epochs = new Map<string, string>();
  /** Entries stored in each channel's log during its current epoch. */
  readonly #kept = new Map<string, Kept[]>();
  /** Ids that the engine's random source returns while a log is rebuilt. */
  #scripted: string[] = [];
  #rebuilding = false;
  /** Channels whose logs are recorded; the gateway has others of its own. */
  readonly recorded = new Set<string>();
  readonly weather: BusWeather = { loss: 0, delayMs: 3 };
  /** Nodes whose every call fails with `store_unavailable`. */
  readonly refused: Refusals;
  /** Nodes whose calls wait until the node is removed from this set and {@link Store.release} is called. */
  readonly held = new Set<string>();
  /** Fraction of appends that are stored although the answer is lost. */
  answerLoss = 0;
  /** Fraction of changes of questions and inboxes that are stored although the answer is lost. */
  sideAnswerLoss = 0;
  /** Longest delay of a call in each direction, in milliseconds. */
  callMs = 2;
  #waiting: { readonly node: string; readonly go: () => void }[] = [];

  constructor(time: VirtualTime, journal: Journal, seed: number, embedded?: EmbeddedStore) {
    this.#time = time;
    this.#journal = journal;
    this.#random = SeededRandom.named(seed, "store");
    this.refused = new Refusals(time, SeededRandom.named(seed, "refusals"));
    const random = {
      fraction: () => this.#random.fraction(),
      id: (length: number) => this.#scripted.shift() ?? this.#random.id(length),
    };
    const clock = {
      now: () => time.now(),
      monotonic: () => time.monotonic(),
      after: (delayMs: number, callback: () => void) => time.after(delayMs, callback),
      soon: (callback: () => void) => time.after(0, callback),
    };
    this.#clock = clock;
    this.#presences = new MemoryPresences(clock, this.#random);
    if (embedded === undefined) this.#engine = memoryEngine()({ clock, random });
    else {
      this.#file = new SimulatedFile({
        ...{ ...embedded, clock, random },
        after: (ms, callback) => time.after(ms, callback),
        commitMs: () => this.#random.between(0, longestCommitMs),
      });
      this.#engine = this.#file.open();
    }
    this.#engine.bus.listen((publication) => this.#carry(publication));
  }

  /** True for the embedded store, which the process of one node has for itself. */
  get isEmbedded(): boolean {
    return this.#file !== undefined;
  }

  /** Ends the process that has the embedded store, without any order, and opens the store as it was left. */
  crash(): void {
    if (this.#file === undefined) return;
    this.#engine = this.#file.open();
    this.#presences = new MemoryPresences(this.#clock, this.#random);
    this.#attached.clear();
    this.#engine.bus.listen((publication) => this.#carry(publication));
  }

  /** Removes the files of the embedded store. */
  end(): void {
    this.#file?.remove();
  }

  /** The log itself, without the network; for the end of a simulation. */
  get log(): ChannelLog {
    return this.#engine.log;
  }

  /** Returns the engine factory of a node, and a function that cuts the node off for good. */
  connect(
    node: string,
    spoil: SpoilLog = (log) => log,
    spoilLeases: (leases: Leases) => Leases = (leases) => leases,
  ): { factory: EngineFactory; disconnect(): void } {
    const line = new StoreLine(node, this, this.#time, this.#random);
    const bus = new NodeBus(node, this.#time, this.#random, this.weather, (channel, policy) =>
      line.call(() => this.#attach(channel, policy)),
    );
    this.#buses.add(bus);
    const watch = this.refused.watch(node, () => bus.disrupt());
    const disconnect = () => {
      watch.end();
      bus.isCut = true;
      line.isCut = true;
      this.#buses.delete(bus);
    };
    const { log, operations, leases, durable, deadLetters, durations } = this.#engine;
    const { registry, signals, revocations, records, singleUse, holdings } = this.#engine;
    const { queues, questions, deliveries, targets, inbox } = this.#engine;
    const presence = this.#presences.connect();
    const losesSideAnswer = () =>
      this.sideAnswerLoss > 0 && this.#random.chance(this.sideAnswerLoss);
    const logOverLine: ChannelLog = spoil(
      overLine(log, line, {
        append: (channel, entry, policy) =>
          line.call(
            () => this.append(channel, entry, policy),
            () => this.answerLoss > 0 && this.#random.chance(this.answerLoss),
          ),
        read: (channel, after, limit, policy) =>
          line.call(async () => {
            const slice = await log.read(channel, after, limit, policy);
            this.#sawEpoch(channel, slice.head.epoch);
            return slice;
          }),
        snapshot: (channel, policy) =>
          line.call(async () => {
            const snapshot = await log.snapshot(channel, policy);
            this.#sawEpoch(channel, snapshot.position.epoch);
            return snapshot;
          }),
        peek: (channel, policy) =>
          line.call(async () => {
            const snapshot = await log.peek(channel, policy);
            if (snapshot !== undefined) this.#sawEpoch(channel, snapshot.position.epoch);
            return snapshot;
          }),
        purge: (channel, policy) => line.call(() => this.purge(channel, policy)),
        close: async () => {},
      }),
    );
    const factory: EngineFactory = () => ({
      name: "simulated",
      log: logOverLine,
      bus,
      operations: overLine(operations, line),
      leases: spoilLeases(
        overLine(leases, line, {
          acquire: (...args) => line.call(() => this.#lease(leases, ...args)),
        }),
      ),
      presence: overLine(presence, line, {
        listen: (listener) =>
          presence.listen((broadcast) => {
            if (!line.isCut && !this.refused.has(node))
              this.#time.after(this.callMs, () => listener(broadcast));
          }),
      }),
      durable: overLine(durable, line),
      durations: overLine(durations, line),
      deadLetters: overLine(deadLetters, line),
      registry: overLine(registry, line),
      signals: overLine(signals, line, {
        listen: (name, listener) =>
          signals.listen(name, (signal) => {
            if (!line.isCut && !this.refused.has(node))
              this.#time.after(this.callMs, () => listener(signal));
          }),
      }),
      revocations: overLine(revocations, line),
      records: overLine(records, line),
      singleUse: overLine(singleUse, line),
      holdings: overLine(holdings, line),
      queues: overLine(queues, line),
      deliveries: overLine(deliveries, line),
      targets: overLine(targets, line),
      inbox: overLine(inbox, line, {}, losesSideAnswer),
      questions: overLine(questions, line, {}, losesSideAnswer),
      isShared: !this.isEmbedded,
      store: watch.store,
      close: async () => disconnect(),
    });
    return { factory, disconnect };
  }

  async #lease(
    leases: Leases,
    ...args: Parameters<Leases["acquire"]>
  ): ReturnType<Leases["acquire"]> {
    const lease = await leases.acquire(...args);
    if (lease !== undefined && this.recorded.has(lease.name)) {
      this.#journal.add({ type: "lease", channel: lease.name, fence: lease.fence });
    }
    return lease;
  }

  async append(channel: string, entry: NewEntry, policy: LogPolicy): Promise<Appended> {
    const appended = await this.#engine.log.append(channel, entry, policy);
    const { publication, duplicate } = appended;
    if (duplicate) return appended;
    const { position } = publication;
    this.#sawEpoch(channel, position.epoch);
    this.#kept.get(channel)?.push({ entry, position, policy });
    if (!this.recorded.has(channel)) return appended;
    this.#journal.add({
      type: "entry",
      channel,
      position: formatPosition(position),
      owner: entry.publisher,
      ...(entry.key === undefined ? {} : { key: entry.key }),
      event: entry.event,
      hash: hashOf(entry.json),
    });
    return appended;
  }

  /**
   * Returns the position of the entry that is now at an offset; undefined when there is none. Mutants need it
   * to forge a position.
   */
  placeAt(channel: string, offset: number): Position | undefined {
    return this.#kept.get(channel)?.find(({ position }) => position.offset === offset)?.position;
  }

  async purge(channel: string, policy: LogPolicy = anyPolicy): Promise<void> {
    this.#journal.add({ type: "fault", fault: "purge", phase: "once", channel });
    await this.#engine.log.purge(channel, policy);
  }

  /** Removes the last `count` entries of a channel's log, which continues in the same epoch. */
  async loseTail(channel: string, count: number): Promise<void> {
    const kept = this.#kept.get(channel);
    const first = kept?.[0];
    if (kept === undefined || first === undefined || count < 1) return;
    const remaining = kept.slice(0, Math.max(0, kept.length - count));
    // The log was purged meanwhile, so it has no tail to lose.
    const { head } = await this.#engine.log.read(channel, 0, 1, first.policy);
    if (head.epoch !== first.position.epoch) {
      this.#sawEpoch(channel, head.epoch);
      return;
    }
    const offset = remaining.length;
    this.#journal.add({ type: "fault", fault: "tail_lost", phase: "once", channel, offset });
    this.#rebuilding = true;
    try {
      await this.#engine.log.purge(channel, first.policy);
      this.#scripted = [first.position.epoch];
      await this.#engine.log.read(channel, 0, 1, first.policy);
      for (const { entry, position, policy } of remaining) {
        this.#scripted = [position.tag];
        // Copies already made stay in the roll-up, because it is a log of its own.
        const { rollUp: _, ...own } = policy;
        await this.#engine.log.append(channel, entry, own);
      }
    } finally {
      this.#rebuilding = false;
      this.#scripted = [];
    }
    this.#kept.set(channel, remaining);
  }

  /** Releases the waiting calls of nodes that are no longer held. */
  release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) this.whenFree(call.node, call.go);
  }

  /** Runs `go` once the node's calls are not held. */
  whenFree(node: string, go: () => void): void {
    if (this.held.has(node)) this.#waiting.push({ node, go });
    else go();
  }

  async #attach(channel: string, policy: LogPolicy): Promise<void> {
    if (this.#attached.has(channel)) return;
    this.#attached.add(channel);
    await this.#engine.bus.subscribe(channel, policy);
  }

  #carry(publication: Publication): void {
    if (this.#rebuilding) return;
    for (const bus of this.#buses) if (!this.refused.has(bus.node)) bus.carry(publication);
  }

  #sawEpoch(channel: string, epoch: string): void {
    if (this.#epochs.get(channel) === epoch) return;
    this.#epochs.set(channel, epoch);
    this.#kept.set(channel, []);
    if (this.recorded.has(channel)) this.#journal.add({ type: "life", channel, epoch });
  }
}

/** Connection between one node and the store; both directions keep their order. */
class StoreLine {
  readonly #node: string;
  readonly #store: Store;
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  #thereAt = 0;
  #backAt = 0;
  isCut = false;

  constructor(node: string, store: Store, time: VirtualTime, random: SeededRandom) {
    this.#node = node;
    this.#store = store;
    this.#time = time;
    this.#random = random;
  }

  /** Runs a call on the store and returns its answer; the call never settles once the node has ended. */
  call<T>(work: () => Promise<T>, losesAnswer: () => boolean = () => false): Promise<T> {
    return new Promise((resolve, reject) => {
      const now = this.#time.monotonic();
      this.#thereAt = Math.max(this.#thereAt, now + this.#way());
      this.#time.at(this.#thereAt, () =>
        this.#store.whenFree(this.#node, () => {
          // A call to a store of the same process has ended with that process.
          if (this.isCut && this.#store.isEmbedded) return;
          if (this.#store.refused.has(this.#node)) {
            this.#back(() => reject(unavailable()));
            return;
          }
          const lost = losesAnswer();
          work().then(
            (value) => this.#back(() => (lost ? reject(unavailable()) : resolve(value))),
            (error) => this.#back(() => reject(error)),
          );
        }),
      );
    });
  }

  #back(answer: () => void): void {
    this.#backAt = Math.max(this.#backAt, this.#time.monotonic() + this.#way());
    this.#time.at(this.#backAt, () => {
      if (!this.isCut) answer();
    });
  }

  #way(): number {
    return this.#random.between(0, this.#store.callMs);
  }
}

function unavailable(): MilepostError {
  return new MilepostError("store_unavailable", "the simulated store does not answer");
}

/**
 * Returns a port as a node uses it: every method is a call over the node's line, except those of `own`. The methods are
 * the object's own, so that a mutant may copy it.
 */
function overLine<Port extends object>(
  port: Port,
  line: StoreLine,
  own: Partial<Port> = {},
  losesAnswer?: () => boolean,
): Port {
  const methods: Record<string, unknown> = {};
  for (let level: object = port; level !== Object.prototype; level = Object.getPrototypeOf(level)) {
    for (const name of Object.getOwnPropertyNames(level)) {
      const method: unknown = Reflect.get(port, name);
      if (name === "constructor" || typeof method !== "function") continue;
      methods[name] ??= (...args: unknown[]) =>
        line.call(() => Reflect.apply(method, port, args), losesAnswer);
    }
  }
  return { ...methods, ...own } as Port;
}

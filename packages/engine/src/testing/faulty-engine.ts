import { formatPosition, MilepostError, type Publication } from "@milepost/protocol";
import {
  type Bus,
  type BusListener,
  type ChannelLog,
  type DeadLetterStore,
  type DurableSubscribers,
  type Engine,
  type EngineContext,
  type LogPolicy,
  type LogSnapshot,
  memoryEngine,
  type NewEntry,
} from "../index.ts";
import { altered } from "./altered.ts";
import { calledThrough } from "./called-through.ts";
import { TestStoreWatch } from "./test-store-watch.ts";

/**
 * Memory engine with the faults of a real store: a bus that loses or delays entries, reads that hang, calls
 * that fail.
 */
export class FaultyEngine {
  /** Selects the publications that the bus loses. */
  loses: (publication: Publication) => boolean = () => false;
  /** Makes every call of the log fail with `store_unavailable`, except `close`. */
  isDown = false;
  /** Health of the store, as the engine reports it. */
  readonly watch = new TestStoreWatch();
  /** Selects the appends that fail with `store_unavailable` and store nothing. */
  refuses: (entry: NewEntry) => boolean = () => false;
  /** Selects the appends that are stored and still fail with `store_unavailable`. */
  losesAnswer: (entry: NewEntry) => boolean = () => false;
  /** Number of calls of the log's `read` and `snapshot`. */
  reads = 0;
  /** Snapshots that were read, by channel: states that a node has folded. */
  readonly #folded = new Map<string, LogSnapshot>();
  #listener: BusListener | undefined;
  #onDisrupted: (() => void) | undefined;
  #lagging: Publication[] | undefined;
  #isCut = false;
  #held: (() => void)[] | undefined;
  #detached: (() => void)[] | undefined;

  #engine: Engine | undefined;
  #appended: { entry: NewEntry; policy: LogPolicy; publication: Publication }[] = [];
  /** Epoch and tags of a log that is being rebuilt; the engine uses them in place of random ids. */
  #scripted: string[] = [];
  #rebuilding = false;

  /** Engine factory to pass to a core. The engine that it creates has the faults set on this object. */
  readonly factory = ({ clock, random }: EngineContext): Engine => {
    const scripted = {
      fraction: () => random.fraction(),
      id: (length: number) => this.#scripted.shift() ?? random.id(length),
    };
    const engine = memoryEngine()({ clock, random: scripted });
    this.#engine = engine;
    return {
      ...engine,
      bus: this.#bus(engine.bus),
      durable: this.#durableSubscribers(engine.durable, { clock, random }),
      log: this.#log(engine.log),
      store: this.watch,
      close: engine.close,
    };
  };

  /** Dead letters of the engine that was created, without its faults. */
  get deadLetters(): DeadLetterStore {
    return this.#made.deadLetters;
  }

  /** Log of the engine that was created, without its faults: as another node sees it. */
  get log(): ChannelLog {
    return this.#made.log;
  }

  get #made(): Engine {
    if (this.#engine === undefined)
      throw new Error("no engine was created yet; create a core with the factory first");
    return this.#engine;
  }

  /** Makes the store lose every durable subscriber. */
  forgetDurableSubscribers: () => void = () => {};

  /**
   * Starts an outage: every call of the log fails, the bus delivers nothing, and the engine reports its store
   * as lost.
   */
  goAway(): void {
    this.isDown = true;
    this.#isCut = true;
    this.watch.set(false);
  }

  /**
   * Ends the outage. The bus reports a disruption, and never delivers the publications made during the outage.
   */
  comeBack(): void {
    this.isDown = false;
    this.#isCut = false;
    this.watch.set(true);
    this.#onDisrupted?.();
  }

  /** Makes the bus hold publications back until {@link deliver}. */
  lag(): void {
    this.#lagging ??= [];
  }

  /** Delivers the publications that were held back, and ends the delay. */
  deliver(): void {
    const lagging = this.#lagging ?? [];
    this.#lagging = undefined;
    for (const publication of lagging) this.#listener?.(publication);
  }

  /**
   * Makes reads and snapshots hold their answers back until {@link release}. An answer shows the log as it was
   * when asked.
   */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const release of held) release();
  }

  /** Makes the bus defer new subscriptions until {@link attach}. Until then it delivers nothing for them. */
  detach(): void {
    this.#detached ??= [];
  }

  attach(): void {
    const detached = this.#detached ?? [];
    this.#detached = undefined;
    for (const attach of detached) attach();
  }

  /** Makes the bus report that something may have been lost. */
  disrupt(): void {
    this.#onDisrupted?.();
  }

  /**
   * Makes the log lose its last `count` entries and continue in the same epoch, as after a failover of the
   * store. Resolves with the positions of the lost entries.
   */
  async loseTail(channel: string, count: number): Promise<readonly string[]> {
    const log = this.#engine?.log;
    const own = this.#appended.filter(({ publication }) => publication.channel === channel);
    const [first] = own;
    if (log === undefined || first === undefined)
      throw new Error(`${channel} has no entry to lose; append to it first`);
    this.#rebuilding = true;
    await log.purge(channel, first.policy);
    this.#scripted = [first.publication.position.epoch];
    for (const { entry, policy, publication } of own.slice(0, -count)) {
      this.#scripted.push(publication.position.tag);
      const { tag: _, ...untagged } = entry;
      await log.append(channel, untagged, unrolled(policy));
    }
    await log.read(channel, 0, 1, first.policy);
    this.#rebuilding = false;
    const lost = own.slice(-count);
    for (const one of lost) this.#appended.splice(this.#appended.indexOf(one), 1);
    return lost.map(({ publication }) => formatPosition(publication.position));
  }

  /** Returns the number of entries appended to a channel's log, without those that were lost or purged. */
  stored(channel: string): number {
    return this.#appended.filter(({ publication }) => publication.channel === channel).length;
  }

  #durableSubscribers(first: DurableSubscribers, context: EngineContext): DurableSubscribers {
    let current = first;
    this.forgetDurableSubscribers = () => {
      current = memoryEngine()(context).durable;
    };
    return new Proxy(first, {
      get(_, name): unknown {
        const method: unknown = Reflect.get(current, name);
        return typeof method === "function" ? method.bind(current) : method;
      },
    });
  }

  #bus(bus: Bus): Bus {
    return {
      listen: (listener, onDisrupted) => {
        this.#listener = listener;
        this.#onDisrupted = onDisrupted;
        bus.listen((publication) => {
          if (this.#rebuilding || this.#isCut || this.loses(publication)) return;
          if (this.#lagging === undefined) listener(publication);
          else this.#lagging.push(publication);
        });
      },
      subscribe: async (channel, policy) => {
        const detached = this.#detached;
        if (detached !== undefined) await new Promise<void>((resolve) => detached.push(resolve));
        await bus.subscribe(channel, policy);
      },
      unsubscribe: (channel, policy) => bus.unsubscribe(channel, policy),
    };
  }

  #log(log: ChannelLog): ChannelLog {
    const guarded = calledThrough(log, (method) => this.#answer(method));
    return altered(guarded, {
      append: (channel, entry, policy) =>
        this.#answer(async () => {
          if (this.refuses(entry)) throw unavailable();
          const appended = await log.append(channel, entry, policy);
          const { publication, duplicate } = appended;
          if (!duplicate) this.#appended.push({ entry, policy, publication });
          if (this.losesAnswer(entry)) throw unavailable();
          return appended;
        }),
      read: (channel, after, limit, policy) =>
        this.#read(() => log.read(channel, after, limit, policy)),
      snapshot: async (channel, policy) => {
        const snapshot = await this.#read(() => log.snapshot(channel, policy));
        this.#folded.set(channel, snapshot);
        return snapshot;
      },
      recall: (channel) => this.#folded.get(channel),
      peek: (channel, policy) => this.#read(() => log.peek(channel, policy)),
      purge: (channel, policy) =>
        this.#answer(async () => {
          await log.purge(channel, policy);
          this.#appended = this.#appended.filter((one) => one.publication.channel !== channel);
        }),
      close: () => log.close(),
    });
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    this.reads++;
    const answer = await this.#answer(read);
    const held = this.#held;
    if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve));
    return answer;
  }

  async #answer<T>(call: () => Promise<T>): Promise<T> {
    if (this.isDown) throw unavailable();
    return call();
  }
}

/** Drops the roll-up from a policy. The roll-up is a log of its own, and keeps the copies it already has. */
function unrolled({ rollUp: _, ...policy }: LogPolicy): LogPolicy {
  return policy;
}

function unavailable(): MilepostError {
  return new MilepostError("store_unavailable", "the store does not answer");
}

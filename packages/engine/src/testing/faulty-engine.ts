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
  memoryEngine,
  type NewEntry,
} from "../index.ts";
import { TestStoreWatch } from "./test-store-watch.ts";

/** The memory engine with the faults of a real store: a bus that loses or lags, reads that hang or fail. */
export class FaultyEngine {
  /** Which publications the bus loses. */
  loses: (publication: Publication) => boolean = () => false;
  /** Whether every call of the log fails with `store_unavailable`. */
  isDown = false;
  /** What the engine says of its store. */
  readonly watch = new TestStoreWatch();
  /** Which appends fail with `store_unavailable`, having stored nothing. */
  refuses: (entry: NewEntry) => boolean = () => false;
  /** Which appends are stored, and fail with `store_unavailable` all the same. */
  losesAnswer: (entry: NewEntry) => boolean = () => false;
  /** How many reads and snapshots the log answered. */
  reads = 0;
  #listener: BusListener | undefined;
  #onDisrupted: (() => void) | undefined;
  #lagging: Publication[] | undefined;
  #isCut = false;
  #held: (() => void)[] | undefined;
  #detached: (() => void)[] | undefined;

  #engine: Engine | undefined;
  #appended: { entry: NewEntry; policy: LogPolicy; publication: Publication }[] = [];
  /** What the engine's randomness answers while a log is rebuilt. */
  #scripted: string[] = [];
  #rebuilding = false;

  /** The factory to make a core with. */
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

  /** The dead letters of the engine that was made, past its faults. */
  get deadLetters(): DeadLetterStore {
    return this.#made.deadLetters;
  }

  /** The log of the engine that was made, past its faults: as another node has it. */
  get log(): ChannelLog {
    return this.#made.log;
  }

  get #made(): Engine {
    if (this.#engine === undefined) throw new Error("no engine was made yet");
    return this.#engine;
  }

  /** The store has lost every durable subscriber. */
  forgetDurableSubscribers: () => void = () => {};

  /** The store is lost: every call fails, the bus brings nothing, and the engine says so. */
  goAway(): void {
    this.isDown = true;
    this.#isCut = true;
    this.watch.set(false);
  }

  /** The store is back; what the bus should have brought meanwhile it does not bring any more. */
  comeBack(): void {
    this.isDown = false;
    this.#isCut = false;
    this.watch.set(true);
    this.#onDisrupted?.();
  }

  /** The bus keeps what it gets until {@link deliver}. */
  lag(): void {
    this.#lagging ??= [];
  }

  /** The bus brings what it kept, and lags no more. */
  deliver(): void {
    const lagging = this.#lagging ?? [];
    this.#lagging = undefined;
    for (const publication of lagging) this.#listener?.(publication);
  }

  /** Reads from now on have their answer, but give it only at {@link release}. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const release of held) release();
  }

  /** The bus takes subscriptions only at {@link attach}; until then it brings nothing of them. */
  detach(): void {
    this.#detached ??= [];
  }

  attach(): void {
    const detached = this.#detached ?? [];
    this.#detached = undefined;
    for (const attach of detached) attach();
  }

  /** The bus says that something may have been lost. */
  disrupt(): void {
    this.#onDisrupted?.();
  }

  /**
   * The log forgets its last `count` entries and goes on in the same epoch, as a store that failed over does; resolves with
   * the positions that are lost.
   */
  async loseTail(channel: string, count: number): Promise<readonly string[]> {
    const log = this.#engine?.log;
    const own = this.#appended.filter(({ publication }) => publication.channel === channel);
    const [first] = own;
    if (log === undefined || first === undefined) throw new Error(`${channel} has no tail`);
    this.#rebuilding = true;
    await log.purge(channel, first.policy);
    this.#scripted = [first.publication.position.epoch];
    for (const { entry, policy, publication } of own.slice(0, -count)) {
      this.#scripted.push(publication.position.tag);
      await log.append(channel, entry, unrolled(policy));
    }
    await log.read(channel, 0, 1, first.policy);
    this.#rebuilding = false;
    const lost = own.slice(-count);
    for (const one of lost) this.#appended.splice(this.#appended.indexOf(one), 1);
    return lost.map(({ publication }) => formatPosition(publication.position));
  }

  /** How many entries were stored in a channel's log since it was begun. */
  stored(channel: string): number {
    return this.#appended.filter(({ publication }) => publication.channel === channel).length;
  }

  #durableSubscribers(first: DurableSubscribers, context: EngineContext): DurableSubscribers {
    let current = first;
    this.forgetDurableSubscribers = () => {
      current = memoryEngine()(context).durable;
    };
    return {
      claim: (...args) => current.claim(...args),
      save: (...args) => current.save(...args),
      restore: (...args) => current.restore(...args),
      look: (...args) => current.look(...args),
      replay: (...args) => current.replay(...args),
      get: (...args) => current.get(...args),
    };
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
    return {
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
      find: (channel, publisher, key, policy) =>
        this.#answer(() => log.find(channel, publisher, key, policy)),
      snapshot: (channel, policy) => this.#read(() => log.snapshot(channel, policy)),
      purge: (channel, policy) =>
        this.#answer(async () => {
          await log.purge(channel, policy);
          this.#appended = this.#appended.filter((one) => one.publication.channel !== channel);
        }),
      close: () => log.close(),
    };
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

/** Copies that were made stay in the roll-up: it is a log of its own. */
function unrolled({ rollUp: _, ...policy }: LogPolicy): LogPolicy {
  return policy;
}

function unavailable(): MilepostError {
  return new MilepostError("store_unavailable", "the store does not answer");
}

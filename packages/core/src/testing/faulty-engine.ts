import { MilepostError, type Position, type Publication } from "@milepost/protocol";
import {
  type Bus,
  type BusListener,
  type ChannelLog,
  type Engine,
  type EngineContext,
  type LogPolicy,
  memoryEngine,
  type NewEntry,
} from "../index.ts";

/** The memory engine with the faults of a real store: a bus that loses or lags, reads that hang or fail. */
export class FaultyEngine {
  /** Which publications the bus loses. */
  loses: (publication: Publication) => boolean = () => false;
  /** Whether every call of the log fails with `store_unavailable`. */
  isDown = false;
  /** Which appends fail with `store_unavailable`, having stored nothing. */
  refuses: (entry: NewEntry) => boolean = () => false;
  /** How many reads and snapshots the log answered. */
  reads = 0;
  #listener: BusListener | undefined;
  #lagging: Publication[] | undefined;
  #held: (() => void)[] | undefined;
  #detached: (() => void)[] | undefined;
  #engine: Engine | undefined;
  /** What a log that lost its tail has kept, by channel; its entries go on as if it had always been that log. */
  readonly #kept = new Map<string, readonly Publication[]>();

  /** The factory to make a core with. */
  readonly factory = (context: EngineContext): Engine => {
    const engine = memoryEngine()(context);
    this.#engine = engine;
    return {
      ...engine,
      bus: this.#bus(engine.bus),
      log: this.#log(engine.log),
      close: engine.close,
    };
  };

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

  /** The log forgets all but its first entries and gives the offsets of the others out again. */
  async loseTail(channel: string, count: number, policy: LogPolicy): Promise<void> {
    const log = this.#engine?.log;
    if (log === undefined || count < 1) throw new Error("a core must run, and an entry be kept");
    const { entries } = await log.read(channel, 0, count, policy);
    const { loses } = this;
    this.loses = () => true;
    await log.purge(channel);
    for (const { event, json } of entries) {
      await log.append(channel, { event, json, publisher: "faulty" }, policy);
    }
    this.#kept.set(channel, entries);
    this.loses = loses;
  }

  #at(channel: string, position: Position): Position {
    const kept = this.#kept.get(channel);
    const epoch = kept?.[0]?.position.epoch ?? position.epoch;
    return kept?.[position.offset - 1]?.position ?? { ...position, epoch };
  }

  #placed(publication: Publication): Publication {
    const { channel, position } = publication;
    return { ...publication, position: this.#at(channel, position) };
  }

  #bus(bus: Bus): Bus {
    return {
      listen: (listener) => {
        this.#listener = listener;
        bus.listen((appended) => {
          const publication = this.#placed(appended);
          if (this.loses(publication)) return;
          if (this.#lagging === undefined) listener(publication);
          else this.#lagging.push(publication);
        });
      },
      subscribe: async (channel) => {
        const detached = this.#detached;
        if (detached !== undefined) await new Promise<void>((resolve) => detached.push(resolve));
        await bus.subscribe(channel);
      },
      unsubscribe: (channel) => bus.unsubscribe(channel),
    };
  }

  #log(log: ChannelLog): ChannelLog {
    return {
      append: (channel, entry, policy) =>
        this.#answer(() => {
          if (this.refuses(entry)) throw unavailable();
          return log.append(channel, entry, policy);
        }),
      read: (channel, after, limit, policy) =>
        this.#read(async () => {
          const { entries, head, floor } = await log.read(channel, after, limit, policy);
          return {
            entries: entries.map((entry) => this.#placed(entry)),
            head: this.#at(channel, head),
            floor: this.#at(channel, floor),
          };
        }),
      entryAt: (channel, offset, policy) =>
        this.#answer(() => log.entryAt(channel, offset, policy)),
      find: (channel, publisher, key, policy) =>
        this.#answer(() => log.find(channel, publisher, key, policy)),
      snapshot: (channel, policy) => this.#read(() => log.snapshot(channel, policy)),
      purge: (channel) => this.#answer(() => log.purge(channel)),
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

function unavailable(): MilepostError {
  return new MilepostError("store_unavailable", "the store does not answer");
}

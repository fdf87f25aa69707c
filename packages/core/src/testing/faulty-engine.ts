import { MilepostError, type Publication } from "@milepost/protocol";
import {
  type Bus,
  type BusListener,
  type ChannelLog,
  type Engine,
  type EngineContext,
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

  /** The factory to make a core with. */
  readonly factory = (context: EngineContext): Engine => {
    const engine = memoryEngine()(context);
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

  #bus(bus: Bus): Bus {
    return {
      listen: (listener) => {
        this.#listener = listener;
        bus.listen((publication) => {
          if (this.loses(publication)) return;
          if (this.#lagging === undefined) listener(publication);
          else this.#lagging.push(publication);
        });
      },
      subscribe: (channel) => bus.subscribe(channel),
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
        this.#read(() => log.read(channel, after, limit, policy)),
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

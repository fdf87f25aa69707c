import { MilepostError, type Publication } from "@milepost/protocol";
import {
  type BusListener,
  type Clock,
  type Engine,
  type EngineFactory,
  MemoryPresences,
  memoryEngine,
  type Presence,
  type PresenceListener,
  type PresenceNews,
  type Random,
} from "../index.ts";

/** One memory engine for several nodes of a test. */
export class SharedEngine {
  readonly #engine: Engine;
  #presences: MemoryPresences;
  readonly #fresh: () => MemoryPresences;
  readonly #nodes: ((presences: MemoryPresences) => void)[] = [];
  readonly #listeners: BusListener[] = [];
  /** Which news of presence get lost on their way to a node. */
  losesNews: (news: PresenceNews) => boolean = () => false;
  /** Whether who is present cannot be told or asked. */
  presenceIsDown = false;
  #held: (() => void)[] | undefined;

  constructor(clock: Clock, random: Random) {
    this.#engine = memoryEngine()({ clock, random });
    this.#fresh = () => new MemoryPresences(clock, random);
    this.#presences = this.#fresh();
    this.#engine.bus.listen((publication) => this.#carry(publication));
  }

  /** The factory to make each node with. */
  readonly factory: EngineFactory = () => {
    const { bus } = this.#engine;
    const channels = new Set<string>();
    return {
      ...this.#engine,
      presence: this.#presence(),
      bus: {
        listen: (listener) => {
          this.#listeners.push((publication) => {
            if (channels.has(publication.channel)) listener(publication);
          });
        },
        subscribe: async (channel, policy) => {
          channels.add(channel);
          await bus.subscribe(channel, policy);
        },
        unsubscribe: async (channel) => {
          channels.delete(channel);
        },
      },
      close: async () => {},
    };
  };

  /** Lists of who is present are answered only when the returned function is called, as they were when asked for. */
  holdLists(): () => void {
    const held: (() => void)[] = [];
    this.#held = held;
    return () => {
      this.#held = undefined;
      for (const release of held) release();
    };
  }

  /** Who is present is forgotten, as by a store that was started anew; the nodes are not told. */
  forgetPresence(): void {
    this.#presences = this.#fresh();
    for (const move of this.#nodes) move(this.#presences);
  }

  #presence(): Presence {
    let presence = this.#presences.connect();
    let heard: PresenceListener = () => {};
    const channels = new Set<string>();
    const listen = () =>
      presence.listen((news) => {
        if (!this.losesNews(news)) heard(news);
      });
    this.#nodes.push((presences) => {
      presence = presences.connect();
      listen();
      for (const channel of channels) void presence.subscribe(channel);
    });
    const answer = async <T>(ask: () => Promise<T>): Promise<T> => {
      if (this.presenceIsDown) {
        throw new MilepostError("store_unavailable", "the store does not answer");
      }
      return ask();
    };
    return {
      listen: (listener) => {
        heard = listener;
        listen();
      },
      subscribe: (channel) => {
        channels.add(channel);
        return presence.subscribe(channel);
      },
      unsubscribe: (channel) => {
        channels.delete(channel);
        return presence.unsubscribe(channel);
      },
      update: (...args) => answer(() => presence.update(...args)),
      read: (...args) =>
        answer(async () => {
          const list = await presence.read(...args);
          const held = this.#held;
          if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve));
          return list;
        }),
    };
  }

  #carry(publication: Publication): void {
    for (const listener of this.#listeners) listener(publication);
  }
}

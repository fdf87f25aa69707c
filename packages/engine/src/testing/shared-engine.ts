import { MilepostError, type Publication } from "@milepost/protocol";
import {
  type BusListener,
  type Clock,
  type Engine,
  type EngineFactory,
  MemoryPresences,
  memoryEngine,
  type Presence,
  type PresenceBroadcast,
  type PresenceListener,
  type Random,
} from "../index.ts";
import { calledThrough } from "./called-through.ts";

/** Memory engine shared by several nodes of a test. */
export class SharedEngine {
  readonly #engine: Engine;
  #presences: MemoryPresences;
  readonly #fresh: () => MemoryPresences;
  readonly #nodes: ((presences: MemoryPresences) => void)[] = [];
  readonly #listeners: BusListener[] = [];
  /** Selects the presence changes that are lost on their way to a node. */
  losesNews: (news: PresenceBroadcast) => boolean = () => false;
  /** Makes every update and read of presence fail with `store_unavailable`. */
  presenceIsDown = false;
  /**
   * Makes nodes created from now on treat the engine as shared, so that they take care of what dead nodes left
   * behind.
   */
  isShared = false;
  /** Selects the signals between nodes that are lost. */
  losesSignal: (signal: unknown) => boolean = () => false;
  #held: (() => void)[] | undefined;

  constructor(clock: Clock, random: Random) {
    this.#engine = memoryEngine()({ clock, random });
    this.#fresh = () => new MemoryPresences(clock, random);
    this.#presences = this.#fresh();
    this.#engine.bus.listen((publication) => this.#carry(publication));
  }

  /** Engine factory to create each node with. */
  readonly factory: EngineFactory = () => {
    const { bus } = this.#engine;
    const channels = new Set<string>();
    return {
      ...this.#engine,
      presence: this.#presence(),
      isShared: this.isShared,
      signals: {
        listen: (node, listener) => this.#engine.signals.listen(node, listener),
        send: async (signal, node) => {
          if (!this.losesSignal(signal)) await this.#engine.signals.send(signal, node);
        },
      },
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

  /**
   * Returns a factory for one node and a function that cuts the node off from the store for good, as when the
   * node dies.
   */
  mortal(): { readonly factory: EngineFactory; die(): void } {
    let isDead = false;
    const factory: EngineFactory = (context) => {
      const engine = this.factory(context);
      return {
        ...engine,
        log: severable(engine.log, () => isDead),
        leases: severable(engine.leases, () => isDead),
        operations: severable(engine.operations, () => isDead),
        registry: severable(engine.registry, () => isDead),
        revocations: severable(engine.revocations, () => isDead),
        signals: severable(engine.signals, () => isDead),
        durations: severable(engine.durations, () => isDead),
        records: severable(engine.records, () => isDead),
        singleUse: severable(engine.singleUse, () => isDead),
        holdings: severable(engine.holdings, () => isDead),
        queues: severable(engine.queues, () => isDead),
        deliveries: severable(engine.deliveries, () => isDead),
        targets: severable(engine.targets, () => isDead),
        inbox: severable(engine.inbox, () => isDead),
      };
    };
    return {
      factory,
      die: () => {
        isDead = true;
      },
    };
  }

  /**
   * Holds presence lists back until the returned function is called. A list shows the members present when it
   * was asked for.
   */
  holdLists(): () => void {
    const held: (() => void)[] = [];
    this.#held = held;
    return () => {
      this.#held = undefined;
      for (const release of held) release();
    };
  }

  /** Makes the store forget who is present, as after a restart of the store. The nodes are not notified. */
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

/** Returns a proxy of a port that rejects every call once `isDead` returns true. */
function severable<T extends object>(port: T, isDead: () => boolean): T {
  return calledThrough(port, async (method) => {
    if (isDead()) throw new MilepostError("store_unavailable", "the store does not answer");
    return method();
  });
}

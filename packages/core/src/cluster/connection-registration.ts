import type {
  Cancel,
  Clock,
  Random,
  RegisteredConnection,
  RegisteredNode,
  Registry,
  RegistryChange,
} from "@milepost/engine";
import type { ConnectedClient } from "../connection/connected-client.ts";

const idLength = 12;
/** A node that said nothing for so long does not live any more, in milliseconds. */
const nodeTtlMs = 10_000;
/** All connections are entered anew within so many refreshes: what the store lost of them comes back. */
const refreshesPerRound = 900;

/** What a roll needs of its node. */
export interface RegistrationContext {
  readonly node: string;
  readonly registry: Registry;
  readonly connections: { readonly size: number; readonly all: Iterable<ConnectedClient> };
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
}

/**
 * Keeps the registry told of this node and who is connected to it.
 *
 * What comes and goes in a tick is told at once, and while that is under way the rest gathers, so that thousands that
 * reconnect are few calls. What could not be told is told with the next refresh. Nothing is kept per connection.
 */
export class ConnectionRegistration {
  readonly #context: RegistrationContext;
  readonly #since: number;
  #id: string;
  #wasEntered = false;
  #entering = new Map<string, RegisteredConnection>();
  #leaving = new Map<string, RegisteredConnection>();
  #soon: Cancel | undefined;
  /** What is under way. */
  #sending: Promise<void> | undefined;
  #hasSent = false;
  #closed = false;
  /** The store may have lost what it was told of: connections that are gone among those that it still lists. */
  #isDoubtful = false;
  #round: Iterator<ConnectedClient> | undefined;
  #others = 0;

  constructor(context: RegistrationContext) {
    this.#context = context;
    this.#since = context.clock.now();
    this.#id = this.#newId();
  }

  /** How many connections all nodes have, as far as the others said when this one last heard of them. */
  get total(): number {
    return this.#others + this.#context.connections.size;
  }

  /** The attachment is open from now on. */
  enter(connection: ConnectedClient): void {
    const registered = registeredOf(connection);
    this.#leaving.delete(registered.id);
    this.#entering.set(registered.id, registered);
    this.#sendSoon();
  }

  /** It is not any more. */
  leave(connection: ConnectedClient): void {
    const registered = registeredOf(connection);
    // One that was not told of yet needs no farewell, unless it was told before and is only told of again.
    this.#entering.delete(registered.id);
    this.#leaving.set(registered.id, registered);
    this.#sendSoon();
  }

  /** The store was away: it may have gone back to what it knew before. The next refresh begins another life. */
  doubt(): void {
    this.#isDoubtful = true;
  }

  /** Says that the node lives on, and resolves with all nodes that do. */
  async refresh(): Promise<readonly RegisteredNode[]> {
    const { registry, connections, node } = this.#context;
    const id = this.#id;
    const self = { id, name: node, since: this.#since, connections: connections.size };
    const { nodes, isNew } = await registry.refresh(self, nodeTtlMs);
    if (id !== this.#id || this.#closed) return nodes;
    if ((isNew || this.#isDoubtful) && this.#wasEntered) {
      // It was swept, or the store forgot: whoever sweeps may still be at it, so this is another life.
      this.#isDoubtful = false;
      this.#id = this.#newId();
      this.#wasEntered = false;
      this.#leaving.clear();
      for (const connection of connections.all) this.#note(connection);
      await registry.leave(id);
      return this.refresh();
    }
    this.#wasEntered = true;
    this.#isDoubtful = false;
    this.#others = nodes.reduce((sum, other) => sum + (other.id === id ? 0 : other.connections), 0);
    this.#noteNext(Math.ceil(connections.size / refreshesPerRound));
    if (this.#entering.size + this.#leaving.size > 0) this.#sendSoon();
    return nodes;
  }

  /** Resolves when nothing waits to be told, or it could not be. */
  settle(): Promise<void> {
    this.#sending ??= this.#send().then((isTold) => {
      this.#sending = undefined;
      // What came in the very moment of the end.
      if (isTold && this.#entering.size + this.#leaving.size > 0) this.#sendSoon();
    });
    return this.#sending;
  }

  /** Takes the node out. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#soon?.();
    await this.#sending;
    if (this.#wasEntered || this.#hasSent) await this.#context.registry.leave(this.#id);
  }

  #newId(): string {
    return `${this.#context.node}.${this.#context.random.id(idLength)}`;
  }

  #sendSoon(): void {
    if (this.#soon !== undefined || this.#sending !== undefined || this.#closed) return;
    this.#soon = this.#context.clock.soon(() => {
      this.#soon = undefined;
      void this.settle();
    });
  }

  /** Never rejects; resolves with whether the registry took all. */
  async #send(): Promise<boolean> {
    while (this.#entering.size + this.#leaving.size > 0 && !this.#closed) {
      const change = { enter: [...this.#entering.values()], leave: [...this.#leaving.values()] };
      this.#entering = new Map();
      this.#leaving = new Map();
      this.#hasSent = true;
      try {
        await this.#context.registry.change(this.#id, change);
      } catch (error) {
        this.#context.onError(error);
        this.#giveBack(change);
        return false;
      }
    }
    return true;
  }

  /** What could not be told waits, unless something newer is known of it. */
  #giveBack({ enter, leave }: RegistryChange): void {
    const isNewer = (id: string) => this.#entering.has(id) || this.#leaving.has(id);
    for (const connection of enter) {
      if (!isNewer(connection.id)) this.#entering.set(connection.id, connection);
    }
    for (const connection of leave) {
      if (!isNewer(connection.id)) this.#leaving.set(connection.id, connection);
    }
  }

  #noteNext(count: number): void {
    for (let n = 0; n < count; n++) {
      this.#round ??= this.#context.connections.all[Symbol.iterator]();
      const { done, value } = this.#round.next();
      if (done === true) this.#round = undefined;
      else this.#note(value);
    }
  }

  #note(connection: ConnectedClient): void {
    if (!connection.isRegistered) return;
    const registered = registeredOf(connection);
    this.#entering.set(registered.id, registered);
  }
}

function registeredOf(connection: ConnectedClient): RegisteredConnection {
  const { id, principal, since, consumer } = connection;
  const { user, session } = principal ?? {};
  return {
    id,
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
    consumer,
    since,
  };
}

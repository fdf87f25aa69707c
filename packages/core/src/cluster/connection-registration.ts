import type {
  Cancel,
  Clock,
  ConnectionClaim,
  NodeReport,
  OwnerKind,
  Random,
  RegisteredConnection,
  RegisteredNode,
  Registry,
  RegistryChange,
} from "@milepost/engine";
import type { ConnectedClient } from "../connection/connected-client.ts";
import { type Principal, personOf } from "../rules/principal.ts";

const idLength = 12;
/** Time after its last refresh at which a node counts as dead, in milliseconds. */
const nodeTtlMs = 10_000;
/**
 * Number of refreshes over which a node registers all its connections again. This restores registry entries
 * that the store has lost.
 */
const refreshesPerRound = 900;

/** Parts of its node that {@link ConnectionRegistration} uses. */
export interface RegistrationContext {
  readonly node: string;
  readonly registry: Registry;
  readonly connections: { readonly size: number; readonly all: Iterable<ConnectedClient> };
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
  /** Returns how the node does; called at each refresh. */
  readonly report?: () => NodeReport;
  /** Learns who connects to this node and who leaves. */
  readonly people?: {
    enter(principal: Principal | undefined): void;
    leave(principal: Principal | undefined): void;
  };
}

interface PendingClaim {
  readonly claim: ConnectionClaim;
  readonly resolve: (full: OwnerKind | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Registers this node and its connections in the cluster registry.
 *
 * Connections that open or close in one tick are sent in one registry call. Changes that arrive during a call
 * wait for the next one, so that thousands of reconnects need few calls. Changes that could not be sent are
 * sent with the next refresh. Only unsent changes take memory here.
 */
export class ConnectionRegistration {
  readonly #context: RegistrationContext;
  readonly #since: number;
  #id: string;
  #wasEntered = false;
  #entering = new Map<string, RegisteredConnection>();
  #leaving = new Map<string, RegisteredConnection>();
  #soon: Cancel | undefined;
  #claims: PendingClaim[] = [];
  #claimSoon: Cancel | undefined;
  /** Call of {@link settle} that is under way; undefined while nothing is being sent. */
  #sending: Promise<void> | undefined;
  #hasSent = false;
  #closed = false;
  /** True after a store outage: the registry may still list connections that have closed since. */
  #isDoubtful = false;
  #round: Iterator<ConnectedClient> | undefined;
  #others = 0;

  constructor(context: RegistrationContext) {
    this.#context = context;
    this.#since = context.clock.now();
    this.#id = this.#newId();
  }

  /**
   * Number of connections on all nodes. The counts of the other nodes are those of this node's last refresh.
   */
  get total(): number {
    return this.#others + this.#context.connections.size;
  }

  /**
   * Counts a new connection of this node on all nodes. Resolves with the kind of the owner that has reached its limit,
   * or undefined if the connection was counted. The claims of one tick are sent in one registry call.
   */
  claim(
    connection: RegisteredConnection,
    limits: ConnectionClaim["limits"],
  ): Promise<OwnerKind | undefined> {
    return new Promise((resolve, reject) => {
      this.#claims.push({ claim: { connection, limits }, resolve, reject });
      this.#claimSoon ??= this.#context.clock.soon(() => {
        this.#claimSoon = undefined;
        void this.#sendClaims();
      });
    });
  }

  /** Removes a connection that was counted, and did not open. */
  withdraw(connection: RegisteredConnection): void {
    this.#leaving.set(connection.id, connection);
    this.#sendSoon();
  }

  /** Registers a connection that has opened. */
  enter(connection: ConnectedClient): void {
    const registered = registeredOf(connection);
    this.#leaving.delete(registered.id);
    this.#entering.set(registered.id, registered);
    this.#sendSoon();
    this.#context.people?.enter(connection.principal);
  }

  /** Removes a connection that has closed from the registry. */
  leave(connection: ConnectedClient): void {
    const registered = registeredOf(connection);
    // An unsent registration is dropped. The removal is sent even then, because an earlier call may have
    // registered the connection.
    this.#entering.delete(registered.id);
    this.#leaving.set(registered.id, registered);
    this.#sendSoon();
    this.#context.people?.leave(connection.principal);
  }

  /**
   * Makes the next refresh register the node under a new id. Call it after a store outage: the store may have
   * returned to an older state.
   */
  doubt(): void {
    this.#isDoubtful = true;
  }

  /** Renews the node's registration for 10 s and resolves with all live nodes. */
  async refresh(): Promise<readonly RegisteredNode[]> {
    const { registry, connections, node } = this.#context;
    const id = this.#id;
    const report = this.#context.report?.();
    const self = {
      id,
      name: node,
      since: this.#since,
      connections: connections.size,
      ...(report === undefined ? {} : { report }),
    };
    const { nodes, isNew } = await registry.refresh(self, nodeTtlMs);
    if (id !== this.#id || this.#closed) return nodes;
    if ((isNew || this.#isDoubtful) && this.#wasEntered) {
      // Another node swept this node's entry as dead, the store lost the entry, or an outage made it doubtful.
      // A sweep of the old id may still be running, so this node registers under a new id.
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

  /** Sends pending changes to the registry. Resolves once all are sent, or once a registry call has failed. */
  settle(): Promise<void> {
    this.#sending ??= this.#send().then((isTold) => {
      this.#sending = undefined;
      // Changes that arrived just as the last call ended are still unsent.
      if (isTold && this.#entering.size + this.#leaving.size > 0) this.#sendSoon();
    });
    return this.#sending;
  }

  /** Stops sending changes and removes the node from the registry. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#soon?.();
    this.#claimSoon?.();
    await this.#sending;
    if (this.#wasEntered || this.#hasSent) await this.#context.registry.leave(this.#id);
  }

  async #sendClaims(): Promise<void> {
    const claims = this.#claims;
    this.#claims = [];
    // The node must be removed when it closes, as after any change.
    this.#hasSent = true;
    try {
      const { registry } = this.#context;
      const answers = await registry.claim(
        this.#id,
        claims.map(({ claim }) => claim),
      );
      for (const [at, { resolve }] of claims.entries()) resolve(answers[at]);
    } catch (error) {
      for (const { reject } of claims) reject(error);
    }
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

  /**
   * Sends pending changes until none is left. Never rejects: resolves with false if the registry failed to take
   * a change.
   */
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

  /** Restores the changes of a failed call, except for connections that have a newer change. */
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
  const { user, session } = personOf(principal);
  return {
    id,
    ...(user === undefined ? {} : { user }),
    ...(session === undefined ? {} : { session }),
    consumer,
    since,
  };
}

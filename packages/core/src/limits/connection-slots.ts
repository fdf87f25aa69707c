import type { Clock, OwnerKind, Random, RegisteredConnection, Registry } from "@milepost/engine";
import type { CloseCode } from "@milepost/protocol";
import type { ConnectedClient } from "../connection/connected-client.ts";
import { isOwnConnectionId, newConnectionId } from "../connection/connection-id.ts";
import {
  isSamePerson,
  type Person,
  type Principal,
  personOf,
  publisherOf,
} from "../rules/principal.ts";
import type { CoreLimits } from "../runtime/limits.ts";
import type { TimerWheel } from "../runtime/timer-wheel.ts";
import { type CountedOwner, countedSession, probeMs } from "./connection-probe.ts";
import { OwnerProbe } from "./owner-probe.ts";
import type { RefusalCounts } from "./refusal-counts.ts";

interface Owner {
  readonly kind: OwnerKind | "service";
  readonly id: string;
  readonly limit: number;
}

/** Limit that has no room for another connection: that of an owner, or that of the node. */
type Full = Owner | "node";

/** Refusal of a connection for a number. */
export interface SlotRefusal {
  readonly isGranted: false;
  /** Code to close a WebSocket with. */
  readonly close: CloseCode;
  readonly reason: string;
}

/** Answer to a reservation: the id of the new connection, or a refusal. */
export type Reservation = { readonly isGranted: true; readonly id: string } | SlotRefusal;

/** Connection whose place a new connection takes. */
export interface SlotOptions {
  /** Id of the connection that the new one replaces. */
  readonly replaced?: string | undefined;
  /**
   * True if the new connection is to take over from another one of the same client, which stays open until the new one
   * has proved itself. Each owner may have one connection above its number for that.
   */
  readonly upgrades?: boolean | undefined;
}

/** Connection that is about to open. */
interface SlotRequest {
  /** Id that the connection will have. */
  readonly id: string;
  /** Number of connections above the limit of each owner that it may be. */
  readonly above: 0 | 1;
  /** True if it takes the place of a connection of this node with that id, which is counted already. */
  readonly replaces: boolean;
  /** Id of a connection on another node that it replaces. */
  readonly replaced: string | undefined;
}

/** Parts of the node that {@link ConnectionSlots} uses. */
export interface ConnectionSlotsContext {
  readonly limits: CoreLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly wheel: TimerWheel;
  readonly refusals: Pick<RefusalCounts, "add">;
  readonly connections: { byId(id: string): ConnectedClient | undefined };
  /** True if other nodes have connections too. */
  readonly isShared: boolean;
  readonly outage: { readonly isOn: boolean };
  /** Counts of the connections on all nodes. */
  readonly registration: {
    claim(
      connection: RegisteredConnection,
      limits: { readonly [Kind in OwnerKind]?: number },
    ): Promise<OwnerKind | undefined>;
    withdraw(connection: RegisteredConnection): void;
  };
  readonly registry: Pick<Registry, "recount">;
  /** Probes the owner's connections on this node; resolves once the silent ones are gone. */
  readonly probe: (owner: CountedOwner) => Promise<void>;
  /** Makes the other nodes probe the owner's connections. */
  readonly probeElsewhere: (owner: CountedOwner) => Promise<void>;
  /** Makes the node that has a connection of the same person close it. */
  readonly replaceElsewhere: (id: string, principal: Principal) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Time for which a connect waits for the count of all nodes, in milliseconds. */
const claimTimeoutMs = 1_000;
/** Time that other nodes have to remove silent connections from the count, beyond the probe itself. */
const elsewhereMs = 500;
/** Time that another node has to close a connection that is replaced, in milliseconds. */
const replaceMs = 200;

/**
 * Numbers of connections: of each user, each session and each service, and of the node.
 *
 * A node counts its own connections at once. With a shared engine, users and sessions are counted on all nodes; while
 * the store is away, every node counts alone. Before a connection is refused for the number of a user or session, the
 * owner's other connections are probed, and those whose peers are gone are dropped.
 */
export class ConnectionSlots {
  readonly #context: ConnectionSlotsContext;
  readonly #counts = {
    user: new Map<string, number>(),
    session: new Map<string, number>(),
    service: new Map<string, number>(),
  };
  readonly #probes = new Map<string, OwnerProbe>();
  #used = 0;

  constructor(context: ConnectionSlotsContext) {
    this.#context = context;
  }

  /**
   * Takes a slot of this node alone and at once; `replaced` is the id of a connection that the new one replaces. Returns
   * the refusal if there is none.
   */
  take(principal: Principal, replaced: string | undefined): SlotRefusal | undefined {
    const full = this.#take(
      this.#ownersOf(principal),
      this.#request(principal, { replaced }).replaces,
    );
    return full === undefined ? undefined : this.#refused(full, principal);
  }

  /**
   * Takes a slot on all nodes. Returns at once where only this node counts and has one; waits up to about 3 s for a probe if
   * there is none. Never throws or rejects.
   *
   * The slot is freed with the connection that opens with the id of the answer, or with {@link ConnectionSlots.cancel}.
   */
  reserve(principal: Principal, options: SlotOptions = {}): Reservation | Promise<Reservation> {
    const request = this.#request(principal, options);
    const owners = this.#ownersOf(principal, request.above);
    const full = this.#take(owners, request.replaces);
    if (full === "node") return this.#refused(full, principal);
    if (full !== undefined || (this.#context.isShared && owners.length > 0)) {
      return this.#reserveLater(principal, owners, request, full);
    }
    return { isGranted: true, id: request.id };
  }

  async #reserveLater(
    principal: Principal,
    owners: readonly Owner[],
    request: SlotRequest,
    first: Owner | undefined,
  ): Promise<Reservation> {
    const take = () => this.#take(owners, request.replaces);
    let full: Full | undefined =
      first === undefined ? undefined : await this.#afterProbe(first, take);
    if (full !== undefined) return this.#refused(full, principal);
    full = await this.#takeElsewhere(principal, owners, request);
    if (full === undefined) return { isGranted: true, id: request.id };
    this.release(principal);
    return this.#refused(full, principal);
  }

  /** True if a user, session or guest has a connection to this node, or one that is about to open. */
  isConnected({ user, session, guest }: Pick<Person, "user" | "session" | "guest">): boolean {
    if (user !== undefined) return this.#counts.user.has(user);
    return this.#counts.session.has(guest === undefined ? (session ?? "") : `guest:${guest}`);
  }

  /** Frees the slot of a connection that has ended. */
  release(principal: Principal): void {
    this.#used--;
    for (const { kind, id } of this.#ownersOf(principal)) {
      const counts = this.#counts[kind];
      const count = counts.get(id) ?? 0;
      if (count > 1) counts.set(id, count - 1);
      else counts.delete(id);
      if (this.#probes.size > 0) this.#probes.get(`${kind}:${id}`)?.freed();
    }
  }

  /** Frees the slot of a reservation whose connection did not open. */
  cancel(principal: Principal, id: string): void {
    this.release(principal);
    const { isShared, registration } = this.#context;
    if (isShared) registration.withdraw(this.#registered(principal, id));
  }

  #request(principal: Principal, { replaced, upgrades }: SlotOptions): SlotRequest {
    const above = upgrades === true ? 1 : 0;
    const { connections, random } = this.#context;
    const owner = replaced === undefined ? undefined : connections.byId(replaced)?.principal;
    if (replaced !== undefined && owner !== undefined && isSamePerson(principal, owner)) {
      return { id: replaced, above, replaces: true, replaced: undefined };
    }
    const keeps =
      replaced !== undefined && owner === undefined && isOwnConnectionId(replaced, principal);
    const id = keeps ? replaced : newConnectionId(principal, random);
    return { id, above, replaces: false, replaced };
  }

  /** Takes a slot of this node; returns the limit that has no room. */
  #take(owners: readonly Owner[], replaces: boolean): Full | undefined {
    const freed = replaces ? 1 : 0;
    if (this.#used - freed >= this.#context.limits.maxConnections) return "node";
    const full = owners.find(
      ({ kind, id, limit }) => (this.#counts[kind].get(id) ?? 0) - freed >= limit,
    );
    if (full !== undefined) return full;
    this.#used++;
    for (const { kind, id } of owners) {
      const counts = this.#counts[kind];
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return undefined;
  }

  /** Counts the connection on all nodes; returns the owner that has no room. */
  async #takeElsewhere(
    principal: Principal,
    owners: readonly Owner[],
    { id, replaced }: SlotRequest,
  ): Promise<Full | undefined> {
    const { isShared, wheel, replaceElsewhere, onError } = this.#context;
    if (!isShared || owners.length === 0) return undefined;
    const claim = () => this.#claim(principal, owners, id);
    let full = await claim();
    if (full !== undefined && replaced !== undefined) {
      await replaceElsewhere(replaced, principal).catch(onError);
      await wheel.pause(replaceMs);
      full = await claim();
    } else if (replaced === id) {
      // The client may be here before its old node has noticed that the old connection is gone.
      void replaceElsewhere(replaced, principal).catch(onError);
    }
    return full === undefined ? undefined : this.#afterProbe(full, claim);
  }

  async #claim(
    principal: Principal,
    owners: readonly Owner[],
    id: string,
  ): Promise<Owner | undefined> {
    const { registration, outage, wheel, onError } = this.#context;
    if (outage.isOn) return undefined;
    const limits = Object.fromEntries(owners.map(({ kind, limit }) => [kind, limit]));
    const answer = registration.claim(this.#registered(principal, id), limits);
    const failed = answer.catch((error: unknown) => {
      // Without the store, every node counts alone.
      onError(error);
      return undefined;
    });
    const kind = await Promise.race([failed, wheel.pause(claimTimeoutMs)]);
    return owners.find((owner) => owner.kind === kind);
  }

  /** Probes an owner that has no room, and attempts again whenever there may be some. Returns what stays full. */
  async #afterProbe(
    owner: Owner,
    attempt: () => Full | undefined | Promise<Full | undefined>,
  ): Promise<Full | undefined> {
    const { kind, id, limit } = owner;
    if (kind === "service") return owner;
    const key = `${kind}:${id}`;
    let probe = this.#probes.get(key);
    if (probe === undefined) {
      probe = new OwnerProbe(limit);
      this.#probes.set(key, probe);
      void this.#run(probe, key, kind === "user" ? { user: id } : { session: id });
    }
    // As many connects wait as may have a slot. More would only learn later what is known now.
    if (!probe.enter()) return owner;
    for (;;) {
      const hasEnded = await probe.next();
      const full = await attempt();
      if (full === undefined || full === "node" || hasEnded) return full;
    }
  }

  async #run(running: OwnerProbe, key: string, owner: CountedOwner): Promise<void> {
    const { wheel, isShared, registry, probe, probeElsewhere, onError } = this.#context;
    if (isShared) {
      await probeElsewhere(owner).catch(onError);
      await Promise.all([probe(owner), wheel.pause(probeMs + elsewhereMs)]);
      await Promise.race([registry.recount(owner).catch(onError), wheel.pause(claimTimeoutMs)]);
    } else await probe(owner);
    this.#probes.delete(key);
    running.end();
  }

  #ownersOf(principal: Principal, above = 0): readonly Owner[] {
    const { limits } = this.#context;
    if (principal.kind === "service") {
      const { maxConnectionsPerService: limit } = limits;
      return [{ kind: "service", id: principal.name, limit }];
    }
    const { user, maxConnections } = principal;
    const session = countedSession(principal);
    const owners: Owner[] = [];
    if (user !== undefined) {
      const limit = (maxConnections?.user ?? limits.maxConnectionsPerUser) + above;
      owners.push({ kind: "user", id: user, limit });
    }
    if (session !== undefined) {
      const limit = (maxConnections?.session ?? limits.maxConnectionsPerSession) + above;
      owners.push({ kind: "session", id: session, limit });
    }
    return owners;
  }

  #registered(principal: Principal, id: string): RegisteredConnection {
    const { user, session } = personOf(principal);
    return {
      id,
      // The registration of the open connection replaces what is written here.
      consumer: "websocket",
      since: Math.round(this.#context.clock.now()),
      ...(user !== undefined && { user }),
      ...(session !== undefined && { session }),
    };
  }

  #refused(full: Full, principal: Principal): SlotRefusal {
    const limit = full === "node" ? "node" : full.kind;
    this.#context.refusals.add(limit, limit === "node" ? "node" : publisherOf(principal));
    return full === "node"
      ? { isGranted: false, close: 1013, reason: "too many connections" }
      : { isGranted: false, close: 4409, reason: `too many connections of this ${limit}` };
  }
}

import type { ConsumerKind } from "../consumer-kind.ts";

/** Connection as it is registered for all nodes. */
export interface RegisteredConnection {
  readonly id: string;
  readonly user?: string;
  readonly session?: string;
  readonly consumer: ConsumerKind;
  /** Time at which the connection was opened, in milliseconds since 1970. */
  readonly since: number;
}

/** Connection together with the node that holds it. */
export interface LocatedConnection extends RegisteredConnection {
  /** Id of the node. */
  readonly node: string;
}

/** Node as it registers itself. */
export interface RegisteredNode {
  /**
   * Id of one registration of the node. The node takes another id after a restart, and after the registry lost
   * the registration.
   */
  readonly id: string;
  readonly name: string;
  /** Time at which the node started, in milliseconds since 1970. */
  readonly since: number;
  /** Number of connections the node had at its last refresh. */
  readonly connections: number;
  /** Figures of the node at its last refresh; absent from nodes that say nothing. */
  readonly report?: NodeReport;
}

/** Figures of a node, as it tells them to the other nodes. A node of another version may leave fields out. */
export interface NodeReport {
  /** `healthy`, `degraded`, `draining` or `unhealthy`. */
  readonly status?: string;
  /** Age of the oldest entry that the node wrote to sockets since its refresh before, in milliseconds. */
  readonly lag_ms?: number;
  /** Delay of the event loop since the refresh before: 99 % were shorter, in milliseconds. */
  readonly loop_delay_ms?: number;
  /** Resident memory of the process, in bytes. */
  readonly memory_bytes?: number;
  /** Share of one core that the process used since its refresh before. */
  readonly cpu?: number;
  readonly subscriptions?: number;
  readonly channels?: number;
  readonly version?: string;
}

/** Connections opened and closed at a node since its previous change was reported. */
export interface RegistryChange {
  readonly enter: readonly RegisteredConnection[];
  readonly leave: readonly RegisteredConnection[];
}

/** Kind of an owner whose connections are counted on all nodes. */
export type OwnerKind = "user" | "session";

/** Claim of a new connection on the numbers of its user and its session. */
export interface ConnectionClaim {
  readonly connection: RegisteredConnection;
  /** Number of connections that each owner may have, this one included. An owner without a limit is not counted. */
  readonly limits: { readonly [Kind in OwnerKind]?: number };
}

/** Selects the connections of a node, a user or a session, or one connection by its id. */
export type RegistryQuery =
  | { readonly node: string }
  | { readonly user: string }
  | { readonly session: string }
  | { readonly connection: string };

/**
 * Registry of the nodes and of the connections, users and sessions that each holds.
 *
 * A node's connections are listed while the node refreshes itself. Connections of a node that stopped are never
 * listed; they stay in the store until a sweep removes them. A change updates the node's own list in one step
 * and the lists of its users and sessions in another, which may be lost. A connection is then missing in those
 * lists until it is entered again.
 */
export interface Registry {
  /**
   * Registers the node or renews its registration, for `ttlMs` milliseconds. Resolves with all live nodes
   * sorted by name, including this one. `isNew` is true when the registry did not have the node; the registry
   * then has none of the node's connections either.
   */
  refresh(
    node: RegisteredNode,
    ttlMs: number,
  ): Promise<{ readonly nodes: readonly RegisteredNode[]; readonly isNew: boolean }>;
  /** Returns all live nodes, sorted by name. */
  nodes(): Promise<readonly RegisteredNode[]>;
  /** Applies many changes at once. Entering a known connection or removing an unknown one changes nothing. */
  change(node: string, change: RegistryChange): Promise<void>;
  /**
   * Counts new connections among those of their users and sessions, each in one atomic step for each owner, however
   * many nodes claim at the same time. Resolves with one item per claim: undefined if it was counted, or else the
   * kind of the owner that has reached its limit. A connection that is counted already is not counted twice. A
   * counted connection stays counted until `change` removes it or its node is dead.
   */
  claim(
    node: string,
    claims: readonly ConnectionClaim[],
  ): Promise<readonly (OwnerKind | undefined)[]>;
  /**
   * Removes connections from the count of an owner that no live node has: those of dead nodes, and claims that are
   * older than 10 s and never became connections.
   */
  recount(owner: { readonly user: string } | { readonly session: string }): Promise<void>;
  /**
   * Lists up to `limit` (1–1,000) connections of live nodes. The connections of a user or session are sorted by
   * the time they were opened, oldest first.
   */
  list(query: RegistryQuery, limit: number): Promise<readonly LocatedConnection[]>;
  /** Removes a node with all its connections. */
  leave(node: string): Promise<void>;
  /** Removes every dead node with all its connections. Resolves with the number of nodes removed. */
  sweep(): Promise<number>;
}

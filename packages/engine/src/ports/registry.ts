import type { ConsumerKind } from "../consumer-kind.ts";

/** A connection as all nodes may know it. */
export interface RegisteredConnection {
  readonly id: string;
  readonly user?: string;
  readonly session?: string;
  readonly consumer: ConsumerKind;
  /** When it was opened, in milliseconds since 1970. */
  readonly since: number;
}

/** A connection, and the node it is at. */
export interface LocatedConnection extends RegisteredConnection {
  /** The id of the node. */
  readonly node: string;
}

/** A node as it says of itself. */
export interface RegisteredNode {
  /** Of one life of the node: after a restart it has another. */
  readonly id: string;
  readonly name: string;
  /** When it began, in milliseconds since 1970. */
  readonly since: number;
  /** How many connections it had when it last said so. */
  readonly connections: number;
}

/** What came and went at a node since it last said so. */
export interface RegistryChange {
  readonly enter: readonly RegisteredConnection[];
  readonly leave: readonly RegisteredConnection[];
}

/** Whose connections, or which one. */
export type RegistryQuery =
  | { readonly node: string }
  | { readonly user: string }
  | { readonly session: string }
  | { readonly connection: string };

/**
 * Which node holds which connection, user and session.
 *
 * A node's connections count as long as the node refreshes itself. What a node that stopped left behind is never listed,
 * and lies there until it is swept. A change is one step for the node's own list, and another for the lists of its users
 * and sessions, which may be lost: then a connection is missing in those until it is entered again.
 */
export interface Registry {
  /**
   * Enters the node, or says that it lives on: for `ttlMs` more. Resolves with all that live, this one too, by name, and
   * whether the registry did not have it: then it has nothing of its connections either.
   */
  refresh(
    node: RegisteredNode,
    ttlMs: number,
  ): Promise<{ readonly nodes: readonly RegisteredNode[]; readonly isNew: boolean }>;
  /** All nodes that live, by name. */
  nodes(): Promise<readonly RegisteredNode[]>;
  /** Notes many changes at once; to enter what is entered, or take out what is not there, changes nothing. */
  change(node: string, change: RegistryChange): Promise<void>;
  /** Up to `limit` (1–1,000) connections of nodes that live, the longest open first where they are of a user or session. */
  list(query: RegistryQuery, limit: number): Promise<readonly LocatedConnection[]>;
  /** Takes a node out with all it had. */
  leave(node: string): Promise<void>;
  /** The same with every node that does not live any more; resolves with how many they were. */
  sweep(): Promise<number>;
}

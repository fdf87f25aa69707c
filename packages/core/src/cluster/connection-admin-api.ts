import type { ConsumerKind } from "@milepost/engine";
import type { Principal } from "../rules/principal.ts";
import type { ConnectionTarget } from "./node-signal.ts";

/** A connection as services see it. */
export interface ConnectionView {
  readonly connection_id: string;
  readonly user_id?: string;
  readonly session_id?: string;
  /** Name of the node that holds the connection. */
  readonly node: string;
  readonly consumer: ConsumerKind;
  /** Time at which the connection was opened, in milliseconds since 1970. */
  readonly since: number;
}

/** Connections that match a target, 1,000 at most. */
export interface ConnectionList {
  readonly connections: readonly ConnectionView[];
}

/** A live node. */
export interface NodeView {
  readonly node: string;
  readonly connections: number;
  /** Time at which the node started, in milliseconds since 1970. */
  readonly since: number;
}

/**
 * Number of connections that were asked to close or to reconnect, as far as the registry knew them; it counts
 * 1,000 at most.
 */
export interface Disconnected {
  readonly connections: number;
}

/** Span within which connections are to reconnect, in milliseconds; from 0 to 5 s when absent. */
export interface MoveOptions {
  readonly minMs?: number;
  readonly maxMs?: number;
}

/** Tokens to revoke: those of a user or session issued up to now, or the one with a `jti`. */
export type RevokeInput = (
  | { readonly user: string }
  | { readonly session: string }
  | { readonly token: string }
) & {
  /**
   * Patterns to remove from the grants of the tokens. With them, the tokens stay valid and the connections
   * open.
   */
  readonly grants?: readonly string[];
  /**
   * Time for which the revocation is remembered, in milliseconds: as long as the longest token lives. One day
   * when absent.
   */
  readonly ttlMs?: number;
};

/** Connections of all nodes; for services only. */
export interface Connections {
  list(principal: Principal, target: ConnectionTarget): Promise<ConnectionList>;
  /** Lists all live nodes, by name. */
  nodes(principal: Principal): Promise<readonly NodeView[]>;
  /**
   * Closes connections for good, with code 1000. A node that cannot be reached at the moment keeps its
   * connections.
   */
  disconnect(
    principal: Principal,
    target: ConnectionTarget,
    reason?: string,
  ): Promise<Disconnected>;
  /**
   * Asks connections to reconnect within a span, and closes those still open at its end. The client may reach
   * another node, where a load balancer in front of the nodes chooses one.
   */
  move(
    principal: Principal,
    target: ConnectionTarget,
    options?: MoveOptions,
  ): Promise<Disconnected>;
  /**
   * Revokes tokens. Their connections are closed with 4102 on every node within 5 s, and the tokens are refused
   * from then on. With `grants`, only those patterns end, and the connections stay. Resolves once the
   * revocation is stored.
   */
  revoke(principal: Principal, input: RevokeInput): Promise<void>;
}

import type { ConsumerKind, NodeReport } from "@milepost/engine";
import type { Principal } from "../rules/principal.ts";
import type { ConnectionTarget } from "./node-signal.ts";

/** Description of one connection in a list for services. */
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

/** Open connections that match a target (a user, a session, a node or one connection), 1,000 at most. */
export interface ConnectionList {
  readonly connections: readonly ConnectionView[];
}

/** A live node. */
export interface NodeView {
  readonly node: string;
  readonly connections: number;
  /** Time at which the node started, in milliseconds since 1970. */
  readonly since: number;
  /** Figures of the node at its last heartbeat, up to 2 s ago; absent from nodes that say nothing. */
  readonly report?: NodeReport;
}

/**
 * Result of disconnecting or moving connections: the number of matching connections in the registry, counted up
 * to 1,000. Matching connections beyond 1,000 are closed or moved too.
 */
export interface Disconnected {
  readonly connections: number;
}

/**
 * Span after the call within which clients are asked to reconnect, in milliseconds: from 0 to 5,000 (5 s) when
 * absent, and at most 600,000.
 */
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
   * Patterns to remove from the grants of the tokens. If patterns are given, the tokens stay valid and their
   * connections stay open.
   */
  readonly grants?: readonly string[];
  /**
   * Time for which the revocation applies, in milliseconds, from 1,000 to 34,560,000,000 (400 days). One day
   * when absent. Use the lifetime of the longest-lived token.
   */
  readonly ttlMs?: number;
};

/**
 * Administration of the connections on all nodes. Rejects calls of users with `forbidden`: only services may
 * call it.
 */
export interface Connections {
  list(principal: Principal, target: ConnectionTarget): Promise<ConnectionList>;
  /** Lists all live nodes, sorted by name. */
  nodes(principal: Principal): Promise<readonly NodeView[]>;
  /**
   * Closes the matching connections with code 4410, after which clients do not reconnect. Connections on a node
   * that the command does not reach stay open.
   */
  disconnect(
    principal: Principal,
    target: ConnectionTarget,
    reason?: string,
  ): Promise<Disconnected>;
  /**
   * Asks the clients of matching connections to reconnect within a span, and closes the connections that are
   * still open when the span ends. With a load balancer in front of the nodes, a client may reach another node.
   */
  move(
    principal: Principal,
    target: ConnectionTarget,
    options?: MoveOptions,
  ): Promise<Disconnected>;
  /**
   * Takes a node out of service, or back into it: while it drains, its readiness is 503, so that load balancers send it
   * nobody new, and its clients are asked to reconnect within `maxMs` (default 10,000 ms). It goes on serving whoever comes
   * all the same. A restart ends the drain. Rejects with `not_found` if no live node has the name.
   */
  drain(principal: Principal, node: string, isOn: boolean, maxMs?: number): Promise<Disconnected>;
  /**
   * Revokes tokens. Every node closes their connections within 5 s, with 4102 (session feeds with 1008), and
   * refuses the tokens until the revocation ends. With `grants`, the tokens lose only those patterns, and their
   * connections stay open. Resolves once the revocation is stored.
   */
  revoke(principal: Principal, input: RevokeInput): Promise<void>;
}

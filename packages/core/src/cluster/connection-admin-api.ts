import type { ConsumerKind } from "@milepost/engine";
import type { Principal } from "../rules/principal.ts";
import type { ConnectionTarget } from "./node-signal.ts";

/** A connection as it is shown. */
export interface ConnectionView {
  readonly connection_id: string;
  readonly user_id?: string;
  readonly session_id?: string;
  /** The name of the node it is at. */
  readonly node: string;
  readonly consumer: ConsumerKind;
  /** When it was opened, in milliseconds since 1970. */
  readonly since: number;
}

/** Some connections, 1,000 at most. */
export interface ConnectionList {
  readonly connections: readonly ConnectionView[];
}

/** A node that lives. */
export interface NodeView {
  readonly node: string;
  readonly connections: number;
  /** When it began, in milliseconds since 1970. */
  readonly since: number;
}

/** How many connections were told to go, as far as the registry knew them; it counts 1,000 at most. */
export interface Disconnected {
  readonly connections: number;
}

/** In which span connections are to reconnect; from 0 to 5 s when absent. */
export interface MoveOptions {
  readonly minMs?: number;
  readonly maxMs?: number;
}

/** Whose tokens end: those issued up to now, or the one of a `jti`. */
export type RevokeInput = (
  | { readonly user: string }
  | { readonly session: string }
  | { readonly token: string }
) & {
  /** Only these patterns are taken of what the tokens grant; the connections stay. */
  readonly grants?: readonly string[];
  /** How long it is remembered: as long as the longest token lives. A day when absent. */
  readonly ttlMs?: number;
};

/** Connections of all nodes; for services alone. */
export interface Connections {
  list(principal: Principal, target: ConnectionTarget): Promise<ConnectionList>;
  /** All nodes that live, by name. */
  nodes(principal: Principal): Promise<readonly NodeView[]>;
  /** Closes connections for good, with 1000. A node that cannot be reached now does not hear of it. */
  disconnect(
    principal: Principal,
    target: ConnectionTarget,
    reason?: string,
  ): Promise<Disconnected>;
  /** Has connections reconnect within a span, to another node where what stands before the nodes chooses one. */
  move(
    principal: Principal,
    target: ConnectionTarget,
    options?: MoveOptions,
  ): Promise<Disconnected>;
  /**
   * Ends what tokens allow: their connections are closed with 4102 on every node within 5 s, and they are refused from
   * then on. Resolves once it is stored.
   */
  revoke(principal: Principal, input: RevokeInput): Promise<void>;
}

import type {
  Clock,
  ConsumerCounts,
  EngineFactory,
  Random,
  StoreHealth,
  TakeEntry,
} from "@milepost/engine";
import type { Notification } from "@milepost/model";
import type {
  DefinedContract,
  PresenceList,
  ServerMessage,
  Since,
  Snapshot,
} from "@milepost/protocol";
import type {
  Ended,
  Ending,
  HistoryPage,
  Published,
  PublishOptions,
} from "../channels/channels-api.ts";
import type { Connections } from "../cluster/connection-admin-api.ts";
import type { ConnectOptions } from "../connection/connect-options.ts";
import type { DeadLetters } from "../dead-letters/dead-letters-api.ts";
import type { Operations } from "../operations/operations-api.ts";
import type { Methods } from "../requests/method.ts";
import type { Principal, UserPrincipal } from "../rules/principal.ts";
import type { Rule } from "../rules/rule.ts";
import type { CoreLimits, CoreLog, TokenVerifier } from "../runtime/options.ts";
import type { Transport, TransportEvents } from "../send-queue/transport.ts";

/** What a node is made of. */
export interface CoreOptions {
  readonly engine: EngineFactory;
  readonly clock: Clock;
  readonly random: Random;
  /** The node's name in welcomes. */
  readonly node: string;
  /** Come before the default rules. */
  readonly rules?: readonly Rule[];
  /** What clients may request besides the methods that every node has. */
  readonly methods?: Methods;
  /** What channels, operations and methods carry; what breaks it is refused. */
  readonly contract?: DefinedContract;
  readonly limits?: Partial<CoreLimits>;
  readonly verifyToken: TokenVerifier;
  readonly log?: CoreLog;
}

/** Counts for health and metrics. */
export interface CoreStats {
  readonly status: "ok" | "degraded" | "shutting_down";
  readonly connections: number;
  /** Those of all nodes, as far as the others said it in the last seconds. */
  readonly totalConnections: number;
  /** Connections that have been silent past a ping interval. */
  readonly dead: number;
  /** How many connections there are of each kind of consumer. */
  readonly consumers: ConsumerCounts;
  readonly subscriptions: number;
  readonly channels: number;
  /** How the store is doing; absent where it is part of the process. */
  readonly store?: StoreHealth;
  /** For how long the store has been away, in milliseconds; absent while it is not. */
  readonly outageMs?: number;
  /** Publishes that wait for the store. */
  readonly spooled: number;
}

/**
 * The gateway without I/O: everything a node does, behind methods that doors call.
 *
 * Methods reject with `MilepostError`. Inputs of methods are of the declared types but come from
 * outside: names, event data and bounds are checked here, once.
 */
export interface Core {
  readonly node: string;
  readonly limits: CoreLimits;
  readonly operations: Operations;
  readonly deadLetters: DeadLetters;
  readonly connections: Connections;
  publish(
    principal: Principal,
    channel: string,
    event: string,
    data: unknown,
    options?: PublishOptions,
  ): Promise<Published>;
  /**
   * Completes a channel's stream, for whoever may publish to it: later publishes are refused with `ended`, readers
   * are told after everything before it, and who joins later too. `reason` (`complete` when absent) has 1 to 1,024
   * characters. A purge makes the channel anew.
   */
  end(principal: Principal, channel: string, reason?: string): Promise<Ended>;
  history(
    principal: Principal,
    channel: string,
    options?: { readonly since?: Since; readonly limit?: number },
  ): Promise<HistoryPage>;
  snapshot(
    principal: Principal,
    channel: string,
  ): Promise<{
    readonly channel: string;
    readonly position: string;
    readonly snapshot?: Snapshot;
    readonly end?: Ending;
  }>;
  /** Who is in a channel; `not_supported` where its rule does not offer that. */
  presence(
    principal: Principal,
    channel: string,
  ): Promise<PresenceList & { readonly channel: string }>;
  purge(principal: Principal, channel: string): Promise<void>;
  notify(
    principal: Principal,
    userId: string,
    notification: Omit<Notification, "id"> & { id?: string },
  ): Promise<Published>;
  /**
   * Publishes what a queue outside brings, as a service named after it. What can never be published, for how it is written or
   * for what rules and schemas say, is a dead letter at once.
   */
  take: TakeEntry;
  /** Verifies a token that was not revoked; else rejects with `token_revoked`. */
  verifyToken: TokenVerifier;
  /** A verified principal as far as it was not revoked since; rejects as {@link Core.verifyToken}. */
  admit(principal: Principal): Promise<Principal>;
  /** Attaches a socket of the gateway's own protocol. Refusals close the transport with their code. */
  connect(transport: Transport, options: ConnectOptions): TransportEvents;
  /**
   * Handles a frame of a client that came beside the stream of its connection `connectionId`, and resolves
   * with the replies in order. Without such a connection of the same user and session `auth`, `subscribe` and
   * `unsubscribe` are `not_found`, and a `cancel` finds no request; everything else is done.
   */
  handleUpstream(
    principal: UserPrincipal,
    connectionId: string,
    frame: string,
  ): Promise<readonly ServerMessage[]>;
  /** The same, with the replies down the stream; `not_found` without one. */
  forwardUpstream(principal: UserPrincipal, connectionId: string, frame: string): void;
  /** Attaches a reader of a session's progress feed. */
  connectFeed(
    transport: Transport,
    session: string,
    principal: UserPrincipal | undefined,
  ): TransportEvents;
  stats(): CoreStats;
  /**
   * Announces `server_shutting_down`, refuses what is new, waits `drainMs` for the clients to leave, closes the
   * rest with 4000 and frees everything. Calling it again waits for the same end.
   */
  shutdown(drainMs: number): Promise<void>;
}

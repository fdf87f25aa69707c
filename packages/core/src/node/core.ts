import type { Clock, ConsumerCounts, EngineFactory, Random, StoreHealth } from "@milepost/engine";
import type { DefinedContract, ServerMessage } from "@milepost/protocol";
import type { ChannelService } from "../channels/channels-api.ts";
import type { Admission } from "../cluster/admission.ts";
import type { Connections } from "../cluster/connection-admin-api.ts";
import type { ConnectOptions } from "../connection/connect-options.ts";
import type { DeadLetters } from "../dead-letters/dead-letters-api.ts";
import type { Operations } from "../operations/operations-api.ts";
import type { PresenceService } from "../presence/presence-service.ts";
import type { Methods } from "../requests/method.ts";
import type { UserPrincipal } from "../rules/principal.ts";
import type { Rule } from "../rules/rule.ts";
import type { CoreLimits, LimitOptions } from "../runtime/limits.ts";
import type { Meter } from "../runtime/meter.ts";
import type { CoreLog, TokenVerifier } from "../runtime/options.ts";
import type { Transport, TransportEvents } from "../send-queue/transport.ts";
import type { SourceIntake } from "../sources/source-intake.ts";

/** Parts and settings of a node. */
export interface CoreOptions {
  readonly engine: EngineFactory;
  readonly clock: Clock;
  readonly random: Random;
  /** Name of the node, in welcomes and in the connection registry. */
  readonly node: string;
  /** Rules that take precedence over the default rules. */
  readonly rules?: readonly Rule[];
  /** Methods that clients may request, besides those that every node has. */
  readonly methods?: Methods;
  /** Contract of the channels, operations and methods; whatever breaks it is refused. */
  readonly contract?: DefinedContract;
  readonly limits?: LimitOptions;
  readonly verifyToken: TokenVerifier;
  readonly log?: CoreLog;
  /** Recorder of the node's metrics; `noMeter` when absent. */
  readonly meter?: Meter;
}

/** Counts for health and metrics. */
export interface CoreStats {
  readonly status: "ok" | "degraded" | "shutting_down";
  readonly connections: number;
  /** Connections of all nodes, as far as the other nodes reported theirs in the last seconds. */
  readonly totalConnections: number;
  /** Connections that have been silent for longer than a ping interval and 5 s. */
  readonly dead: number;
  /** Number of connections of each kind of consumer. */
  readonly consumers: ConsumerCounts;
  readonly subscriptions: number;
  readonly channels: number;
  /** Health of the store; absent where the store is part of the process. */
  readonly store?: StoreHealth;
  /** Duration of the current outage of the store, in milliseconds; absent while there is none. */
  readonly outageMs?: number;
  /** Number of publishes that wait for the store. */
  readonly spooled: number;
}

/**
 * The gateway without I/O: everything a node does, as services that doors call.
 *
 * Methods reject with `MilepostError`. Inputs have the declared types but come from outside: names, event data and
 * bounds are checked here, once.
 */
export interface Core {
  readonly node: string;
  readonly limits: CoreLimits;
  readonly channels: ChannelService;
  readonly presence: PresenceService;
  readonly operations: Operations;
  readonly deadLetters: DeadLetters;
  readonly connections: Connections;
  readonly admission: Admission;
  /**
   * Publishes entries of external queues, as a service named after the source. An entry that can never be published,
   * because of its form or because rules and schemas refuse it, becomes a dead letter at once.
   */
  readonly sources: SourceIntake;
  /** Attaches a socket that speaks the gateway's own protocol. A refusal closes the transport with its code. */
  connect(transport: Transport, options: ConnectOptions): TransportEvents;
  /**
   * Attaches a subscriber of a session feed. Closes the transport with 1008 unless the principal is
   * of that session.
   */
  connectFeed(
    transport: Transport,
    session: string,
    principal: UserPrincipal | undefined,
  ): TransportEvents;
  /**
   * Handles a frame that a client sent beside the stream of its connection `connectionId`, and resolves with the
   * replies in order.
   *
   * Without such a connection of the same user and session, `auth`, `subscribe`, `unsubscribe`, `ack` and `nack` are
   * `not_found`, and a `cancel` finds no request; everything else is handled.
   */
  handleUpstream(
    principal: UserPrincipal,
    connectionId: string,
    frame: string,
  ): Promise<readonly ServerMessage[]>;
  /** Handles a frame likewise, with the replies down the stream; throws `not_found` without a stream. */
  forwardUpstream(principal: UserPrincipal, connectionId: string, frame: string): void;
  stats(): CoreStats;
  /**
   * Announces `server_shutting_down`, refuses new work, waits `drainMs` for the clients to leave, closes the
   * rest with 4000 and frees everything. Further calls wait for the same end.
   */
  shutdown(drainMs: number): Promise<void>;
}

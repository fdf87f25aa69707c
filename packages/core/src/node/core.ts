import type {
  Clock,
  ConsumerCounts,
  EngineFactory,
  NodeReport,
  Random,
  StoreHealth,
} from "@milepost/engine";
import type { DefinedContract, ServerMessage } from "@milepost/protocol";
import type { ChannelService } from "../channels/channels-api.ts";
import type { Admission } from "../cluster/admission.ts";
import type { Connections } from "../cluster/connection-admin-api.ts";
import type { Compactors } from "../compaction/compactor.ts";
import type { ConnectOptions } from "../connection/connect-options.ts";
import type { DeadLetters } from "../dead-letters/dead-letters-api.ts";
import type { Digests } from "../digest/digest-api.ts";
import type { Estimates } from "../estimates/estimate-report.ts";
import type { Inboxes } from "../inbox/inbox-api.ts";
import type { CompileJsonSchema } from "../input/json-schemas.ts";
import type { Insight } from "../insight/insight-api.ts";
import type { ConnectionSlots } from "../limits/connection-slots.ts";
import type { RefusalCounts, Refusals } from "../limits/refusal-counts.ts";
import type { Operations } from "../operations/operations-api.ts";
import type { PresenceService } from "../presence/presence-service.ts";
import type { QuestionService } from "../questions/questions-api.ts";
import type { QueueRule } from "../queues/queue-rule.ts";
import type { Queues } from "../queues/queues-api.ts";
import type { Reaching } from "../reach/reach-api.ts";
import type { ReachSender } from "../reach/reach-sender.ts";
import type { Methods } from "../requests/method.ts";
import type { Principal, UserPrincipal } from "../rules/principal.ts";
import type { Rule } from "../rules/rule.ts";
import type { AdmissionMetrics } from "../runtime/instruments.ts";
import type { CoreLimits, LimitOptions } from "../runtime/limits.ts";
import type { Meter } from "../runtime/meter.ts";
import type { CoreLog, TokenVerifier } from "../runtime/options.ts";
import type { Tracer } from "../runtime/tracer.ts";
import type { Transport, TransportEvents } from "../send-queue/transport.ts";
import type { SessionOptions, Sessions } from "../sessions/sessions-api.ts";
import type { SignatureChecks } from "../signatures/signatures.ts";
import type { SourceIntake } from "../sources/source-intake.ts";
import type { Tickets } from "../tickets/tickets-api.ts";

/** Figures of the process of a node, since they were read before. */
export type ProcessReport = Pick<NodeReport, "loop_delay_ms" | "memory_bytes" | "cpu" | "version">;

/** Parts and settings of a node. */
export interface CoreOptions {
  readonly engine: EngineFactory;
  readonly clock: Clock;
  readonly random: Random;
  /** Name of the node, in welcomes and in the connection registry. */
  readonly node: string;
  /** Rules that take precedence over the default rules. */
  readonly rules?: readonly Rule[];
  /** Rules of the queues; without them, queues exist as API keys configure them. */
  readonly queues?: readonly QueueRule[];
  /**
   * Channels to which clients that ask for none are subscribed: names in which `{user}`, `{session}`, `{guest}` and
   * `{connection}` stand for the ids of the client. Default: `broadcast`, `user:{user}`, `session:{session}`,
   * `guest:{guest}` and `connection:{connection}`.
   */
  readonly autoSubscribe?: readonly string[];
  /** Methods that clients may request, besides those that every node has. */
  readonly methods?: Methods;
  /** Compactors that rules name in `compact`. */
  readonly compactors?: Compactors;
  /** Contract of the channels, operations and methods. Names and data that do not fit it are refused. */
  readonly contract?: DefinedContract;
  /**
   * Compiler of the JSON Schemas that arrive while the node runs: of answers to questions and of arguments of commands.
   * Without it, a question or command with a schema is refused with `not_supported`.
   */
  readonly jsonSchema?: CompileJsonSchema;
  readonly limits?: LimitOptions;
  readonly verifyToken: TokenVerifier;
  /** Settings of sessions that must be registered; without them, sessions need no registration. */
  readonly sessions?: SessionOptions;
  readonly log?: CoreLog;
  /** Sends messages to users who are away; without it, users without a visible page get none. */
  readonly reach?: ReachSender;
  /** Recorder of the node's metrics; `noMeter` when absent. */
  readonly meter?: Meter;
  /** Reads figures of the process for the other nodes and administrators; called at each heartbeat. */
  readonly processReport?: () => ProcessReport;
  /** Recorder of traces; a node without one reads and stores no trace contexts. */
  readonly tracer?: Tracer;
}

/**
 * Health of a node: `degraded` while it works without its store, `draining` while it shuts down, and `unhealthy` while it
 * cannot serve anybody.
 */
export type HealthStatus = "healthy" | "degraded" | "draining" | "unhealthy";

/** Counts of one node, for its health check and its metrics. */
export interface CoreStats {
  readonly status: HealthStatus;
  readonly connections: number;
  /**
   * Number of connections on all nodes. The counts of the other nodes are those that this node last read from
   * the connection registry.
   */
  readonly totalConnections: number;
  /** Number of connections whose client has been silent for longer than a ping interval and 5 s. */
  readonly dead: number;
  /** Number of connections of each kind of consumer. */
  readonly consumers: ConsumerCounts;
  readonly subscriptions: number;
  readonly channels: number;
  /** Kind of the engine: `memory`, `sqlite` or `redis`, or the name of another one. */
  readonly engine: string;
  /** True if the entries of channels outlive this process. */
  readonly isDurable: boolean;
  /** When a write counts as done; absent where the store does not say. */
  readonly durability?: "full" | "normal";
  /** True while entries are refused because the store, or the memory for channels, is full. */
  readonly isFull: boolean;
  /** Health of the store; absent where the store is part of the process. */
  readonly store?: StoreHealth;
  /** Duration of the current outage of the store, in milliseconds; absent while there is none. */
  readonly outageMs?: number;
  /** Number of publishes that wait for the store. */
  readonly spooled: number;
  /** Connections and sockets that this node has refused or dropped for a number, by the limit that was reached. */
  readonly refused: Refusals;
}

/**
 * The gateway without I/O: everything a node does, as objects whose methods the doors call.
 *
 * Methods reject with `MilepostError`. Inputs have the declared types but come from outside: names, event data
 * and bounds are checked here, once.
 */
export interface Core {
  readonly node: string;
  /** True if the node has a tracer, so that doors read the trace contexts of requests. */
  readonly isTracing: boolean;
  /** True once the shutdown of the node has begun; every new connection is then refused. */
  readonly isShuttingDown: boolean;
  readonly limits: CoreLimits;
  /**
   * Reads the metrics that the store must be asked for, so that its meter can collect them. Resolves when the store has
   * answered or failed.
   */
  refreshMetrics(): Promise<void>;
  /** Instruments for the doors, which have sockets before the core has their connections. */
  readonly admissionMetrics: AdmissionMetrics;
  /** Count of the connections and sockets that the doors refuse for a number. */
  readonly refusals: Pick<RefusalCounts, "add">;
  readonly channels: ChannelService;
  readonly presence: PresenceService;
  readonly operations: Operations;
  readonly queues: Queues;
  readonly inbox: Inboxes;
  readonly digests: Digests;
  readonly estimates: Estimates;
  readonly questions: QuestionService;
  readonly deadLetters: DeadLetters;
  readonly connections: Connections;
  readonly admission: Admission;
  /** Slots of the connections that the doors are about to open. */
  readonly slots: Pick<ConnectionSlots, "reserve" | "cancel">;
  /** Checks of what services sign. */
  readonly signatures: SignatureChecks;
  readonly sessions: Sessions;
  readonly tickets: Tickets;
  readonly reaching: Reaching;
  readonly insight: Insight;
  /**
   * Publishes entries of external queues, as a service named after the source. An entry that can never be
   * published, because it is malformed or because rules and schemas refuse it, becomes a dead letter at once.
   */
  readonly sources: SourceIntake;
  /**
   * Attaches a socket that speaks the gateway's own protocol. If the connection is refused, the transport is
   * closed with the code of the refusal.
   */
  connect(transport: Transport, options: ConnectOptions): TransportEvents;
  /**
   * Attaches a subscriber of a session feed. Closes the transport with 1008 unless the principal is
   * of that session. `reservedId` is the id of its reserved slot.
   */
  connectFeed(
    transport: Transport,
    session: string,
    principal: Principal | undefined,
    reservedId?: string,
  ): TransportEvents;
  /**
   * Verifies a session's own credential. Resolves with a principal for `connectFeed` of that session; rejects with
   * `unauthenticated` for any other text.
   */
  openSession(credential: string): Promise<UserPrincipal>;
  /**
   * Handles a frame that a client sent as a separate request, since its connection `connectionId` is a one-way
   * stream. Resolves with the replies in order.
   *
   * If the same user and session has no such connection, `auth`, `subscribe`, `unsubscribe`, `ack` and `nack`
   * fail with `not_found`, and a `cancel` finds no request. Everything else is handled.
   */
  handleUpstream(
    principal: Principal,
    connectionId: string,
    frame: string,
  ): Promise<readonly ServerMessage[]>;
  /**
   * Handles a frame like `handleUpstream`, but sends the replies down the client's stream. Resolves once all messages
   * are being handled. Rejects with `not_found` if the client has no such stream.
   */
  forwardUpstream(principal: Principal, connectionId: string, frame: string): Promise<void>;
  /**
   * Counts messages and bytes that a principal sent outside a connection. Throws `rate_limited` with `retryAfterMs`, and
   * counts nothing, if its user, its session or the node is over a limit. A service has no limit.
   */
  charge(principal: Principal, messages: number, bytes: number): void;
  /** Counts bytes that a principal was answered with outside a connection. */
  chargeAnswer(principal: Principal, bytes: number): void;
  /** Throws `store_unavailable` while this node has not reached its store since its start. */
  refuseUnjoined(): void;
  /**
   * Resolves with true if a page of the user is visible on any node. A client that reports nothing counts as visible for 60 s
   * after its last message. Rejects with `store_unavailable` when other nodes cannot be found.
   */
  isVisible(user: string): Promise<boolean>;
  stats(): CoreStats;
  /** Returns how many people are connected to this node: users, guests, and sessions without a user. */
  connectedPeople(): number;
  /**
   * Resolves with true if nobody has taken the id of a guest yet, and keeps it for `ttlMs` milliseconds, on whatever node. Rejects with
   * `rate_limited` when too many ids are taken, and with `store_unavailable` when the store cannot answer.
   */
  claimGuest(id: string, ttlMs: number): Promise<boolean>;
  /**
   * Announces `server_shutting_down`, refuses new work, waits `drainMs` milliseconds for the clients to leave,
   * closes the remaining connections with 4000 and frees everything. Further calls wait for the same shutdown.
   *
   * Calls `onDrained` when no client is left. Publications are taken until its promise settles.
   */
  shutdown(drainMs: number, onDrained?: () => Promise<void>): Promise<void>;
}

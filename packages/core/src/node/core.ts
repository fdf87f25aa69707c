import type {
  Clock,
  ConsumerCounts,
  ConsumerKind,
  EngineFactory,
  Random,
  StoreHealth,
  TakeEntry,
} from "@milepost/engine";
import type {
  CommandSource,
  CreatedOperation,
  CreateOperation,
  Notification,
  OperationAtPosition,
  OperationFilter,
  OperationLease,
  OperationList,
  PendingCommand,
  ReportEvents,
  ReportResult,
  RequestCommand,
  RequestedCommand,
} from "@milepost/model";
import type {
  Cursor,
  DefinedContract,
  Failure,
  GapReason,
  PresenceList,
  Priority,
  ServerMessage,
  Since,
  Snapshot,
} from "@milepost/protocol";
import type { ConnectionTarget } from "../cluster/node-signal.ts";
import type { Methods } from "../requests/method.ts";
import type { Principal, UserPrincipal } from "../rules/principal.ts";
import type { Rule } from "../rules/rule.ts";
import type { Transport, TransportEvents } from "../send-queue/transport.ts";

/** Verifies a token: resolves to who it is, rejects with `unauthenticated` or `token_expired`. */
export type TokenVerifier = (token: string) => Promise<UserPrincipal>;

/** Bounds of a node; every one has a default. */
export interface CoreLimits {
  readonly maxConnections: number;
  readonly maxMessageBytes: number;
  readonly maxSubscriptions: number;
  readonly maxReplayEntries: number;
  /** Bytes that may wait for one connection. */
  readonly maxOutboxBytes: number;
  readonly authTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly idleTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly commandAckMs: number;
  readonly commandDoneMs: number;
  /** Changes of who is in a channel are told once in so long. */
  readonly presenceWindowMs: number;
  /** Who loses its last connection without unsubscribing stays present for so long. */
  readonly presenceGraceMs: number;
  /** Who is present by a node that is dead is gone after so long. */
  readonly presenceTtlMs: number;
  /** Typing ends so long after it was last said. */
  readonly typingMs: number;
}

/** Where faults that nobody waits for are told. */
export interface CoreLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

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

/** What a publish may say besides its event. */
export interface PublishOptions {
  /** Repeating it within 10 minutes creates nothing. */
  readonly key?: string;
  /** In place of the channel's, for readers that are slow; it never changes the order within the channel. */
  readonly priority?: Priority;
}

/** What a publish answers. */
export interface Published {
  readonly channel: string;
  readonly position: string;
  readonly duplicate: boolean;
  /** Only readers at this node get it, and it is forgotten when the store is back. */
  readonly local?: true;
}

/** How a channel's stream ended. */
export interface Ending {
  readonly position: string;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly ts: number;
}

/** What an end answers: the first end of the channel, whoever asked for it. */
export interface Ended {
  readonly channel: string;
  readonly position: string;
  readonly reason: string;
  /** It had ended already. */
  readonly duplicate: boolean;
}

/** A page of a channel's history. */
export interface HistoryPage {
  readonly channel: string;
  readonly entries: readonly {
    /** In the log of everything below a prefix: the channel it was published to. */
    readonly source?: string;
    readonly position: string;
    readonly event: string;
    readonly data: unknown;
    readonly ts: number;
  }[];
  /** Go on from here. */
  readonly position: string;
  readonly reason?: GapReason;
  /** The stream ended at `position`: there is nothing to go on to. */
  readonly end?: Ending;
}

/** What a connect asked for, besides the socket itself. */
export interface ConnectOptions {
  /** The verified credential; absent means the first message must be `auth`. */
  readonly principal?: UserPrincipal;
  /** The connection this one replaces. */
  readonly connectionId?: string;
  /** Channels to subscribe to at once. */
  readonly channels?: readonly string[];
  readonly resume?: Cursor;
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

/** Operations, as one principal may use them. Every method checks what the principal may. */
export interface Operations {
  create(principal: Principal, input: CreateOperation): Promise<CreatedOperation>;
  get(principal: Principal, operationId: string): Promise<OperationAtPosition>;
  list(principal: Principal, filter: OperationFilter): Promise<OperationList>;
  report(
    principal: Principal,
    operationId: string,
    input: ReportEvents,
  ): Promise<readonly ReportResult[]>;
  takeOver(principal: Principal, operationId: string, leaseMs?: number): Promise<OperationLease>;
  command(
    principal: Principal,
    operationId: string,
    input: RequestCommand,
  ): Promise<RequestedCommand>;
  pendingCommands(
    principal: Principal,
    source: CommandSource,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PendingCommand[]>;
}

/** A dead letter as it is shown. */
export interface DeadLetterView {
  readonly id: string;
  /** When it was given up, in milliseconds since 1970. */
  readonly at: number;
  readonly channel: string;
  /**
   * `not_acknowledged`, `refused: …`, `expired`; `trimmed`, `epoch_changed`, `tag_mismatch` where the log lost the entry first;
   * `publish_failed: …` of what the gateway itself could not publish.
   */
  readonly reason: string;
  /** The durable subscriber's name, and whose it is. */
  readonly subscriber?: string;
  readonly owner?: string;
  readonly attempts: number;
  readonly entry: {
    readonly position?: string;
    /** The letter stands for all entries after this one up to `position`. */
    readonly since?: string;
    /** Where it was published to, if the channel is everything below a prefix. */
    readonly source?: string;
    readonly event?: string;
    readonly data?: unknown;
    readonly key?: string;
    readonly ts?: number;
  };
}

/** Which dead letters; all given conditions hold. */
export interface DeadLetterFilter {
  readonly channel?: string;
  readonly subscriber?: string;
  /** The reason, or its first word. */
  readonly reason?: string;
  /** At most so many, 1–1,000; 100. */
  readonly limit?: number;
  /** Only those after this id. */
  readonly after?: string;
}

/** A page of dead letters, oldest first. */
export interface DeadLetterPage {
  readonly letters: readonly DeadLetterView[];
  /** Go on after this id; absent when there are no more. */
  readonly next?: string;
  /** How many are kept in all, and how many had to go since the store began, for there were too many or they were too old. */
  readonly kept: number;
  readonly dropped: number;
}

/** What a replay came to: it is on its way to its subscriber, or published at `position`. */
export interface Replayed {
  readonly id: string;
  readonly to: "subscriber" | "channel";
  readonly position?: string;
}

/** What was done with many. */
export interface ManyDeadLetters {
  readonly done: number;
  readonly failed: readonly { readonly id: string; readonly error: Failure }[];
  /** Go on after this id; absent when there are no more. */
  readonly next?: string;
}

/** What was given up, to read, replay and drop; for services alone. */
export interface DeadLetters {
  list(principal: Principal, filter: DeadLetterFilter): Promise<DeadLetterPage>;
  get(principal: Principal, id: string): Promise<DeadLetterView>;
  /**
   * Delivers an entry to its subscriber again, with a fresh budget, or publishes again what could not be. The letter goes
   * once that took effect; repeating a replay is one replay.
   */
  replay(principal: Principal, id: string): Promise<Replayed>;
  drop(principal: Principal, id: string): Promise<void>;
  /** The same with a page of those that a filter names. */
  replayMany(principal: Principal, filter: DeadLetterFilter): Promise<ManyDeadLetters>;
  dropMany(principal: Principal, filter: DeadLetterFilter): Promise<ManyDeadLetters>;
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

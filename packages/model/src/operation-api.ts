import type { Accepts } from "./accepts.ts";
import type { AmountInput } from "./amount.ts";
import type { CommandName, CommandPhase } from "./operation-command.ts";
import type { StepPlan } from "./operation-event.ts";
import type { PendingInput } from "./operation-input.ts";
import type { OperationState, OperationSummary } from "./operation-state.ts";
import type { OperationStatus } from "./operation-status.ts";
import type { AskedQuestion, AskQuestion, Question } from "./question.ts";

/** A failure inside a result. It has the same fields as the error of a reply. */
export interface ApiFailure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
}

/** Body of `POST /v1/operations`. */
export interface CreateOperation {
  readonly kind: string;
  readonly title?: string;
  /**
   * Id that the producer chooses, so that a retried create makes only one operation. If absent, the gateway
   * chooses the id.
   */
  readonly operation_id?: string;
  readonly session_id?: string;
  readonly user_id?: string;
  readonly producer_id?: string;
  /**
   * Collection that the operation belongs to. Its summaries reach the channel `collection:{collection_id}`, for which the
   * API key needs the right to publish.
   */
  readonly collection_id?: string;
  /** Any other channel that the operation belongs to, such as `project:42`, under the same condition. */
  readonly belongs_to?: string;
  /**
   * Operation that this one is a part of. It must be of the same API key and must not have ended. Its percentage becomes
   * the mean of its children's, and its counters include theirs.
   */
  readonly parent?: string;
  /** Share of the parent's progress, relative to the other children: 0–1,000, default 1. */
  readonly weight?: number;
  /** Words by which the operation can be found: at most 10, each a valid segment of a channel name. */
  readonly tags?: readonly string[];
  /** Limit of a counter, descendants included. Passing it pauses the work and asks what to do. */
  readonly budget?: { readonly counter: string; readonly limit: AmountInput };
  readonly steps?: readonly StepPlan[];
  readonly input?: unknown;
  /** Commands of the operation's own, and the policy for messages to it. */
  readonly accepts?: Accepts;
  /** Amount of work in the kind's own unit, such as pages. Estimates of the time left take it into account. */
  readonly size?: number;
  /**
   * Time without a report or renewal from the producer after which the operation counts as stalled, in
   * milliseconds.
   */
  readonly lease_ms?: number;
}

/** The right to report on an operation, held by one producer at a time. */
export interface OperationLease {
  readonly token: string;
  /** Number that grows each time a producer takes the operation over. */
  readonly fence: number;
  readonly ttl_ms: number;
}

/** Answer to `POST /v1/operations`. */
export interface CreatedOperation {
  readonly operation: OperationState;
  readonly channel: string;
  readonly lease: OperationLease;
  /** True if the operation already existed, because this create was a retry. */
  readonly duplicate: boolean;
}

/** One event to report on an operation. The gateway checks its name and data. */
export interface ReportedEvent {
  readonly event: string;
  readonly data: unknown;
  /** Idempotency key: a retried report with the same key adds no second entry. */
  readonly key?: string;
}

/** Body of `POST /v1/operations/{id}/events`. An empty list only renews the lease. */
export interface ReportEvents {
  readonly lease: string;
  readonly events: readonly ReportedEvent[];
}

/** Outcome of one reported event: its position in the log, or the error with which the gateway refused it. */
export type ReportResult =
  | { readonly position: string; readonly duplicate: boolean }
  | { readonly error: ApiFailure };

/** Query of `GET /v1/operations`. */
export interface OperationFilter {
  readonly session?: string;
  readonly user?: string;
  readonly producer?: string;
  readonly kind?: string;
  readonly status?: OperationStatus;
  readonly tag?: string;
  /** Id of the parent, for the children of one operation. */
  readonly parent?: string;
  /** Maximum number of operations: 1–1,000, default 100. */
  readonly limit?: number;
}

/** Answer to `GET /v1/operations/{id}`. */
export interface OperationAtPosition {
  readonly operation: OperationState;
  readonly position: string;
}

/** Answer to `GET /v1/operations`. */
export interface OperationList {
  readonly operations: readonly OperationSummary[];
}

/** Body of `POST /v1/operations/{id}/commands`. */
export interface RequestCommand {
  readonly command: CommandName;
  readonly args?: unknown;
  /** Idempotency key: requests with the same key are one command. */
  readonly key?: string;
}

/**
 * Answer to a command request. The command is stored in the operation's log. The producer will acknowledge or
 * refuse it, or the command times out.
 */
export interface RequestedCommand {
  readonly command_id: string;
  readonly phase: CommandPhase;
}

/** Operations to which one command is sent: those that meet every given condition. At least one must be given. */
export interface CommandFilter {
  /** Ids of operations, at most 100. */
  readonly operation_ids?: readonly string[];
  /** The caller's own: those of its user and its session. Only for users. */
  readonly mine?: true;
  readonly session?: string;
  readonly user?: string;
  readonly producer?: string;
  readonly kind?: string;
  readonly status?: OperationStatus;
  readonly tag?: string;
  readonly parent?: string;
}

/** Body of `POST /v1/operations/commands`. */
export interface RequestCommands extends RequestCommand {
  readonly filter: CommandFilter;
  /** Maximum number of operations of this page: 1–100, default 100. */
  readonly limit?: number;
  /** Where the page begins: `next` of the page before. */
  readonly after?: string;
}

/** Result of a command for one operation of a filter. */
export type CommandResult = { readonly operation_id: string } & (
  | RequestedCommand
  | { readonly error: ApiFailure }
);

/**
 * Answer to `POST /v1/operations/commands`: one result for each operation of the page whose status allows the command,
 * the newest first. With `next`, more operations may follow.
 */
export interface RequestedCommands {
  readonly results: readonly CommandResult[];
  readonly next?: string;
}

/** A command that its producer has not acknowledged yet. */
export interface PendingCommand {
  readonly operation_id: string;
  readonly command_id: string;
  readonly command: CommandName;
  readonly args?: unknown;
  readonly by?: string;
}

/** The commands to wait for: those of one operation, or of all operations of a producer. */
export type CommandSource = { readonly operation: string } | { readonly producer: string };

/**
 * The calls that a producer makes to the gateway, over HTTP or in process.
 *
 * A call that fails rejects with an error that has `code` and `retryable`. A call that failed with a retryable
 * error may be repeated with the same ids and keys. The repetition creates nothing twice.
 */
export interface ProducerGateway {
  create(input: CreateOperation, signal?: AbortSignal): Promise<CreatedOperation>;
  /**
   * Reports events on an operation. Returns one result per event, in order. After a retryable failure the
   * gateway does not process the remaining events.
   */
  report(
    operationId: string,
    input: ReportEvents,
    signal?: AbortSignal,
  ): Promise<readonly ReportResult[]>;
  /** Takes the lease from its holder. `worker` names the new one to the producer that is refused then. */
  takeOver(
    operationId: string,
    leaseMs?: number,
    signal?: AbortSignal,
    worker?: string,
  ): Promise<OperationLease>;
  /**
   * Returns every command that is not acknowledged, oldest first. If there is none, waits up to `waitMs`
   * milliseconds for one.
   */
  pendingCommands(
    source: CommandSource,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PendingCommand[]>;
}

/** The calls with which a producer asks people and takes their messages; see {@link ProducerGateway}. */
export interface SteeringGateway {
  /**
   * Returns the messages to an operation that its producer has not finished, with a `seq` above `after`, oldest first. If
   * there is none, waits up to `waitMs` milliseconds for one.
   */
  pendingInputs(
    operationId: string,
    after: number,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PendingInput[]>;
  /** Asks a question. The same key means the same question, whose answer may be there already. */
  ask(operationId: string, input: AskQuestion, signal?: AbortSignal): Promise<AskedQuestion>;
  /** Returns a question; while it is open, waits up to `waitMs` milliseconds for its end. */
  question(
    operationId: string,
    questionId: string,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<Question>;
}

import type { CommandPhase, OperationCommandName } from "./operation-command.ts";
import type { StepPlan } from "./operation-event.ts";
import type { OperationState, OperationSummary } from "./operation-state.ts";
import type { OperationStatus } from "./operation-status.ts";

/** A failure as it stands in a result; the fields of a reply's error. */
export interface ApiFailure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
}

/** What `POST /v1/operations` takes. */
export interface CreateOperation {
  readonly kind: string;
  readonly title?: string;
  /** Chosen by the producer so that a retried create is one operation; made up when absent. */
  readonly operation_id?: string;
  readonly session_id?: string;
  readonly user_id?: string;
  readonly producer_id?: string;
  readonly steps?: readonly StepPlan[];
  readonly input?: unknown;
  /** How long the producer may be silent before the operation counts as stalled. */
  readonly lease_ms?: number;
}

/** The right to report on an operation. */
export interface OperationLease {
  readonly token: string;
  /** Rises with every producer that takes the operation over. */
  readonly fence: number;
  readonly ttl_ms: number;
}

/** What a create answers. */
export interface CreatedOperation {
  readonly operation: OperationState;
  readonly channel: string;
  readonly lease: OperationLease;
  /** The operation existed: this is the retry of a create. */
  readonly duplicate: boolean;
}

/** One event to report; the gateway checks its name and data. */
export interface ReportedEvent {
  readonly event: string;
  readonly data: unknown;
  /** Dedupe key: a retried report with the same key creates nothing. */
  readonly key?: string;
}

/** What `POST /v1/operations/{id}/events` takes. An empty list only renews the lease. */
export interface ReportEvents {
  readonly lease: string;
  readonly events: readonly ReportedEvent[];
}

/** What became of one event. */
export type ReportResult =
  | { readonly position: string; readonly duplicate: boolean }
  | { readonly error: ApiFailure };

/** What `GET /v1/operations` asks. */
export interface OperationFilter {
  readonly session?: string;
  readonly user?: string;
  readonly producer?: string;
  readonly kind?: string;
  readonly status?: OperationStatus;
  /** 1–1,000, default 100. */
  readonly limit?: number;
}

/** What `GET /v1/operations/{id}` answers. */
export interface OperationAtPosition {
  readonly operation: OperationState;
  readonly position: string;
}

/** What `GET /v1/operations` answers. */
export interface OperationList {
  readonly operations: readonly OperationSummary[];
}

/** What `POST /v1/operations/{id}/commands` takes. */
export interface RequestCommand {
  readonly command: OperationCommandName;
  readonly args?: unknown;
  /** The same key is the same command. */
  readonly key?: string;
}

/** What a command request answers: it stands in the log and will be acknowledged, refused or time out. */
export interface RequestedCommand {
  readonly command_id: string;
  readonly phase: CommandPhase;
}

/** A command that waits for its producer. */
export interface PendingCommand {
  readonly operation_id: string;
  readonly command_id: string;
  readonly command: OperationCommandName;
  readonly args?: unknown;
  readonly by?: string;
}

/** Which commands to wait for: those of one operation, or of all operations of a producer. */
export type CommandSource = { readonly operation: string } | { readonly producer: string };

/**
 * What a producer needs of the gateway, over HTTP or in process.
 *
 * Methods reject with an error that has `code` and `retryable`; a retryable one may be repeated with the
 * same ids and keys without creating anything twice.
 */
export interface ProducerGateway {
  create(input: CreateOperation, signal?: AbortSignal): Promise<CreatedOperation>;
  /** One result per event, in order; after a retryable failure the rest is not tried. */
  report(
    operationId: string,
    input: ReportEvents,
    signal?: AbortSignal,
  ): Promise<readonly ReportResult[]>;
  takeOver(operationId: string, leaseMs?: number, signal?: AbortSignal): Promise<OperationLease>;
  /** Every unacknowledged command, oldest first; waits up to `waitMs` for the first. */
  pendingCommands(
    source: CommandSource,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PendingCommand[]>;
}

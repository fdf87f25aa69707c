import type { OperationStatus, OperationSummary } from "@milepost/model";

/** Which operations to list; all given conditions hold. */
export interface OperationQuery {
  readonly session?: string;
  readonly user?: string;
  readonly producer?: string;
  readonly kind?: string;
  readonly status?: OperationStatus;
  /** Only those with a command that nobody acknowledged yet. */
  readonly waiting?: true;
  /** 1–1,000; newest first. */
  readonly limit: number;
}

/** What the index holds of an operation beyond its summary. */
export interface IndexedOperation {
  readonly summary: OperationSummary;
  readonly producer?: string;
  /** The name of the service key that created it. */
  readonly service: string;
  /** Commands that nobody acknowledged yet. */
  readonly waitingCommands: number;
}

/** Finds operations; their state itself is the projection of their channel. */
export interface OperationIndex {
  /**
   * Adds or replaces; forgotten `maxAgeMs` after the last put. Something of it is overdue `dueInMs` from now, nothing ever
   * when that is absent.
   */
  put(operation: IndexedOperation, maxAgeMs: number, dueInMs?: number): Promise<void>;
  /** The ids of up to `limit` operations of which something has been overdue for `lateMs`, the longest first. */
  due(lateMs: number, limit: number): Promise<readonly string[]>;
  get(operationId: string): Promise<IndexedOperation | undefined>;
  /** Newest first by when they were created. */
  list(query: OperationQuery): Promise<readonly IndexedOperation[]>;
  remove(operationId: string): Promise<void>;
}

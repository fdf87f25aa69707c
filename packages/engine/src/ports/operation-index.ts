import type { Counters, OperationStatus, OperationSummary } from "@milepost/model";

/** Filter for a list of operations; all given conditions must hold. */
export interface OperationQuery {
  readonly session?: string;
  readonly user?: string;
  readonly producer?: string;
  readonly kind?: string;
  readonly status?: OperationStatus;
  /** Selects operations with any of these statuses. */
  readonly statuses?: readonly OperationStatus[];
  /** Selects what follows this operation in the list: the end of the page before. */
  readonly before?: { readonly createdAt: number; readonly id: string };
  readonly tag?: string;
  /** Selects the children of one operation. */
  readonly parent?: string;
  /** Selects only operations with a command that nobody has acknowledged yet. */
  readonly waiting?: true;
  /** Maximum number of operations, 1–1,000; the newest are returned first. */
  readonly limit: number;
}

/** Operation as the index keeps it: its summary and further values that queries need. */
export interface IndexedOperation {
  readonly summary: OperationSummary;
  readonly producer?: string;
  /** Name of the service key that created the operation. */
  readonly service: string;
  /** Name of the node that wrote the entry: the one that last looked after the operation. */
  readonly node?: string;
  /** Number of commands that nobody has acknowledged yet. */
  readonly waitingCommands: number;
  /** Offset of the operation's newest event that the summary includes. */
  readonly offset: number;
  /** Fence of the latest lease that the writer of the entry knew; 0 where it knew none. */
  readonly fence: number;
  /**
   * Position of the newest event whose summary has reached the channels that the operation belongs to; absent where it
   * belongs to none.
   */
  readonly told?: string;
  /** Share of the parent's progress; 1 if absent. */
  readonly weight?: number;
  /** Counters of the operation and its descendants; absent where nothing was counted. */
  readonly counters?: Counters;
}

/** A parent whose children have changed since somebody last settled the change. */
export interface ChangedParent {
  readonly parent: string;
  /** Number of the change: each later change, on whatever node, has a higher one. */
  readonly change: number;
}

/** Index that finds operations. The state of an operation is not here: it is the projection of its channel. */
export interface OperationIndex {
  /**
   * Adds or replaces an operation, which is forgotten `maxAgeMs` milliseconds after its last put. The
   * operation's next deadline is `dueInMs` milliseconds from now; it has none when `dueInMs` is absent.
   *
   * Two nodes may put at the same time, and the later put may come from the node that knows less. So if the
   * entry before has the same creation time and a higher `offset`, its summary and its waiting commands stay. If
   * that offset or its `fence` is higher, the earlier of both deadlines stays. This holds for one put: the
   * `offset` and the `fence` are always replaced, so that a store that lost its latest entries recovers.
   */
  put(operation: IndexedOperation, maxAgeMs: number, dueInMs?: number): Promise<void>;
  /**
   * Returns the ids of up to `limit` operations whose deadline passed at least `lateMs` milliseconds ago, the
   * longest overdue first.
   */
  due(lateMs: number, limit: number): Promise<readonly string[]>;
  get(operationId: string): Promise<IndexedOperation | undefined>;
  /** Lists operations, the most recently created first; of those created in the same millisecond, the highest id first. */
  list(query: OperationQuery): Promise<readonly IndexedOperation[]>;
  remove(operationId: string): Promise<void>;
  /**
   * Returns the number of the newest change of a parent's children that is not settled; undefined if there is none. Every put
   * of a child opens a change in the same atomic step, also one that replaces nothing, and so does the removal of a child,
   * and its expiry. A change is forgotten with the operations.
   */
  openChange(parent: string): Promise<number | undefined>;
  /** Settles the change of a parent's children, unless a later one has been opened. */
  settleChange(parent: string, change: number): Promise<void>;
  /**
   * Takes over up to `limit` changes that nobody has settled for at least `lateMs` milliseconds, the oldest first. The step
   * opens each as a new change, so concurrent calls on several nodes get different parents.
   */
  takeChanges(lateMs: number, limit: number): Promise<readonly ChangedParent[]>;
}

import type { Accepts } from "./accepts.ts";
import type { OperationCommand } from "./operation-command.ts";
import type { OperationEstimate } from "./operation-estimate.ts";
import type { Level, OperationError } from "./operation-event.ts";
import type { InputState } from "./operation-input.ts";
import type { OperationStatus } from "./operation-status.ts";
import type {
  Artefact,
  BudgetState,
  BusyState,
  ChildrenState,
  Counters,
  OperationLink,
} from "./operation-tree.ts";
import type { QuestionState } from "./question.ts";

/** Progress of counted work: `done` of `total` units. */
export interface Counter {
  readonly done: number;
  /** Total number of units; absent if unknown. */
  readonly total?: number;
  readonly unit?: string;
}

/** A step of an operation and its progress. */
export interface StepState {
  readonly id: string;
  readonly title: string;
  readonly weight: number;
  readonly status: "pending" | "running" | "done" | "failed" | "skipped";
  /** Progress from 0 to 100. */
  readonly percent: number;
  readonly message?: string;
  readonly counter?: Counter;
  readonly started_at?: number;
  readonly ended_at?: number;
}

/** An agent of an operation and its current activity. */
export interface AgentState {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  /** Progress from 0 to 100, if the agent reports it. */
  readonly progress?: number;
  readonly tasks: readonly string[];
  readonly since: number;
  readonly updated_at: number;
}

/** A line of an operation's log. */
export interface LogLine {
  /** Offset in the channel of the entry that wrote the line. Unique, and higher for later lines. */
  readonly seq: number;
  readonly at: number;
  readonly level: Level;
  readonly message: string;
  readonly agent?: string;
  readonly step?: string;
  readonly data?: unknown;
}

/**
 * A span of the timeline: a step, an agent, a pause or a wait, with its start and end in milliseconds since
 * 1970.
 */
export interface TimelineSpan {
  readonly what: "step" | "agent" | "pause" | "wait";
  readonly id: string;
  readonly from: number;
  /** End of the span, in milliseconds since 1970; absent while the span is open. */
  readonly to?: number;
  readonly attempt: number;
}

/** A text stream with the pieces that have arrived so far. */
export interface TextState {
  readonly text: string;
  readonly done: boolean;
  /** True if the beginning was cut to stay within the bound. */
  readonly truncated?: boolean;
  /** Offset, in the operation's channel, of the entry with the latest piece of this text stream. */
  readonly offset: number;
}

/** Position of an operation in a queue. */
export interface WaitingState {
  readonly position: number;
  readonly total: number;
  readonly estimated_wait_ms?: number;
  /** Range of the wait, in a queue of the gateway. */
  readonly estimated_wait?: { readonly p50_ms: number; readonly p90_ms: number };
  /** Queue of the gateway in which it waits, and its ticket there. Only the gateway may set them. */
  readonly queue?: string;
  readonly ticket?: string;
}

/**
 * The complete state of an operation. `GET /v1/operations/{id}` returns it, and a late subscriber receives it
 * as the snapshot. A subscriber that reads the log from the start folds the same state.
 *
 * Times are milliseconds since 1970. Lists are bounded; see {@link operationBounds}.
 */
export interface OperationState {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly session_id?: string;
  readonly user_id?: string;
  readonly producer_id?: string;
  readonly collection_id?: string;
  /** Channel that the operation belongs to, besides that of its collection. */
  readonly belongs_to?: string;
  /** Id of the operation that this one is a part of. */
  readonly parent?: string;
  /** Share of the parent's progress, relative to the other children; 1 if absent. */
  readonly weight?: number;
  readonly tags?: readonly string[];
  readonly input?: unknown;
  /** Amount of work, in the kind's own unit. */
  readonly size?: number;
  readonly status: OperationStatus;
  readonly attempt: number;
  /** Progress from 0 to 100. Falls only by a `reset`, a new attempt, or with the children that determine it. */
  readonly percent: number;
  /** Latest message about the progress. */
  readonly message?: string;
  readonly counter?: Counter;
  readonly waiting?: WaitingState;
  /** Amounts that the operation and all its descendants have counted; absent before the first. Never reset. */
  readonly counters?: Counters;
  readonly budget?: BudgetState;
  /** Sum of the work of the children; absent if there are none. */
  readonly children?: ChildrenState;
  /** Links, oldest first; absent before the first. */
  readonly links?: readonly OperationLink[];
  /** Artefacts, oldest first; absent before the first. */
  readonly artefacts?: readonly Artefact[];
  /** Why nothing moves although the producer lives; absent unless the producer says so. */
  readonly busy?: BusyState;
  readonly steps: readonly StepState[];
  /** Id of the running step. */
  readonly current_step?: string;
  readonly agents: readonly AgentState[];
  /** Id of the current agent: the one among the active agents that became active last. */
  readonly current_agent?: string;
  /** Ids of steps and agents, in the order in which they first began. */
  readonly execution_order: readonly string[];
  readonly timeline: readonly TimelineSpan[];
  readonly log: readonly LogLine[];
  /** Number of lines ever written to the log, including dropped ones. */
  readonly log_total: number;
  /** Number of lines ever written to the log, for each level, including dropped ones. */
  readonly log_counts: Readonly<Record<Level, number>>;
  readonly texts: Readonly<Record<string, TextState>>;
  /** The latest commands to the operation, oldest first. */
  readonly commands: readonly OperationCommand[];
  /** Commands and messages that the operation accepts from people; absent until it says so. */
  readonly accepts?: Accepts;
  /** The latest messages to the operation, oldest first; absent before the first. */
  readonly inputs?: readonly InputState[];
  /** The latest questions of the operation, oldest first, open ones always; absent before the first. */
  readonly questions?: readonly QuestionState[];
  /** Latest estimate of the time left; absent before the first and after the end. */
  readonly estimate?: OperationEstimate;
  /**
   * Time that the current attempt has been running, without pauses, waits and stalls, in milliseconds; without the time since
   * `active_since`.
   */
  readonly active_ms?: number;
  /** Since when the attempt has been running without a break, in milliseconds since 1970; absent while it is not. */
  readonly active_since?: number;
  readonly result?: unknown;
  readonly error?: OperationError;
  /** Reason why the operation is paused or was cancelled. */
  readonly reason?: string;
  /**
   * Status to which the operation returns when its producer reports again. Present only while the status is
   * `stalled`.
   */
  readonly before_stall?: OperationStatus;
  /**
   * Time of the producer's last report before the stall, in milliseconds since 1970. Present only while the
   * status is `stalled`.
   */
  readonly silent_since?: number;
  readonly created_at: number;
  /** Start of the current attempt, in milliseconds since 1970. */
  readonly started_at?: number;
  readonly ended_at?: number;
  readonly updated_at: number;
  /** Offset in the channel of the last entry that this state includes. */
  readonly offset: number;
}

/**
 * Bounds of the lists and texts in the state of an operation, which keep snapshots small. Lists are bounded in
 * items. A list that is full keeps its latest items.
 */
export const operationBounds = {
  steps: 200,
  agents: 100,
  tasksPerAgent: 20,
  executionOrder: 500,
  timeline: 500,
  log: 200,
  commands: 20,
  texts: 32,
  /** Maximum length of one text stream, in characters. */
  textLength: 256 * 1024,
} as const;

/** The summary of an operation in a list of operations: a few fields of its state. */
export interface OperationSummary {
  readonly operation_id: string;
  readonly kind: string;
  readonly title: string;
  readonly session_id?: string;
  readonly user_id?: string;
  readonly collection_id?: string;
  readonly belongs_to?: string;
  readonly parent?: string;
  /** Share of the parent's progress, relative to the other children; 1 if absent. */
  readonly weight?: number;
  readonly tags?: readonly string[];
  /** Number of children, and of those that are done or failed; absent if there are none. */
  readonly children?: { readonly total: number; readonly done: number; readonly failed: number };
  readonly status: OperationStatus;
  readonly attempt: number;
  readonly percent: number;
  readonly message?: string;
  readonly current_step?: string;
  readonly waiting?: WaitingState;
  /** Number of questions that wait for an answer; absent if there is none. */
  readonly open_questions?: number;
  readonly warnings: number;
  readonly errors: number;
  readonly error?: OperationError;
  readonly created_at: number;
  readonly started_at?: number;
  readonly ended_at?: number;
  readonly updated_at: number;
}

/**
 * The summary of an operation as the readers of a channel that it belongs to receive it. They are not its owners, so by
 * default it names neither user nor session, and of an error only the code and whether a retry may help.
 */
export interface SharedSummary extends Omit<OperationSummary, "error"> {
  readonly error?: Omit<OperationError, "message"> & Partial<Pick<OperationError, "message">>;
}

/** Field of a summary that is left out of a {@link SharedSummary} by default; `error` stands for the error's text. */
export type PrivateSummaryField = "user_id" | "session_id" | "error";

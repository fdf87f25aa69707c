import type { OperationCommand } from "./operation-command.ts";
import type { Level, OperationError } from "./operation-event.ts";
import type { OperationStatus } from "./operation-status.ts";

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
  /** Offset of the line's entry in the channel: unique and rising. */
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
  /** End of the span; absent while it lasts. */
  readonly to?: number;
  readonly attempt: number;
}

/** A text stream with the pieces that have arrived so far. */
export interface TextState {
  readonly text: string;
  readonly done: boolean;
  /** True if the beginning was cut to stay within the bound. */
  readonly truncated?: boolean;
  /** Offset of its latest piece in the channel. */
  readonly offset: number;
}

/** Position of an operation in a queue. */
export interface WaitingState {
  readonly position: number;
  readonly total: number;
  readonly estimated_wait_ms?: number;
}

/**
 * The whole state of an operation. A GET returns it, a late subscriber receives it as the snapshot, and a
 * subscriber from the start folds the same state.
 *
 * Times are milliseconds since 1970. Lists are bounded, see {@link operationBounds}.
 */
export interface OperationState {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly session_id?: string;
  readonly user_id?: string;
  readonly producer_id?: string;
  readonly input?: unknown;
  readonly status: OperationStatus;
  readonly attempt: number;
  /** Progress from 0 to 100. Falls only by a `reset` or a new attempt. */
  readonly percent: number;
  /** Latest message about the progress. */
  readonly message?: string;
  readonly counter?: Counter;
  readonly waiting?: WaitingState;
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
  /** Number of lines ever written, including dropped ones. */
  readonly log_total: number;
  /** Number of lines ever written, by level, including dropped ones. */
  readonly log_counts: Readonly<Record<Level, number>>;
  readonly texts: Readonly<Record<string, TextState>>;
  /** Latest commands, oldest first. */
  readonly commands: readonly OperationCommand[];
  readonly result?: unknown;
  readonly error?: OperationError;
  /** Reason why the operation is paused or was cancelled. */
  readonly reason?: string;
  /** Status to return to when the producer reports again; only while the status is `stalled`. */
  readonly before_stall?: OperationStatus;
  /** Time of the producer's last report before the stall; only while the status is `stalled`. */
  readonly silent_since?: number;
  readonly created_at: number;
  /** Start of the current attempt. */
  readonly started_at?: number;
  readonly ended_at?: number;
  readonly updated_at: number;
  /** Offset in the channel of the last event that was folded in. */
  readonly offset: number;
}

/**
 * Bounds of the lists and texts in a state, so that snapshots stay small. Lists are bounded in items; the
 * latest are kept.
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

/** The summary of an operation that lists show: a few fields of its state. */
export interface OperationSummary {
  readonly operation_id: string;
  readonly kind: string;
  readonly title: string;
  readonly session_id?: string;
  readonly user_id?: string;
  readonly status: OperationStatus;
  readonly attempt: number;
  readonly percent: number;
  readonly message?: string;
  readonly current_step?: string;
  readonly waiting?: WaitingState;
  readonly warnings: number;
  readonly errors: number;
  readonly error?: OperationError;
  readonly created_at: number;
  readonly started_at?: number;
  readonly ended_at?: number;
  readonly updated_at: number;
}

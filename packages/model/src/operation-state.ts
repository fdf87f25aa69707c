import type { OperationCommand } from "./operation-command.ts";
import type { Level, OperationError } from "./operation-event.ts";
import type { OperationStatus } from "./operation-status.ts";

/** Counted work: so many of so many. */
export interface Counter {
  readonly done: number;
  /** Unknown when absent. */
  readonly total?: number;
  readonly unit?: string;
}

/** One step and how far it has come. */
export interface StepState {
  readonly id: string;
  readonly title: string;
  readonly weight: number;
  readonly status: "pending" | "running" | "done" | "failed" | "skipped";
  /** 0–100. */
  readonly percent: number;
  readonly message?: string;
  readonly counter?: Counter;
  readonly started_at?: number;
  readonly ended_at?: number;
}

/** An agent and what it is at. */
export interface AgentState {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  /** 0–100 where the agent tells. */
  readonly progress?: number;
  readonly tasks: readonly string[];
  readonly since: number;
  readonly updated_at: number;
}

/** A line of the log. */
export interface LogLine {
  /** Its offset in the channel: unique, rising. */
  readonly seq: number;
  readonly at: number;
  readonly level: Level;
  readonly message: string;
  readonly agent?: string;
  readonly step?: string;
  readonly data?: unknown;
}

/** A span of the timeline: one step or one agent, from when to when. */
export interface TimelineSpan {
  readonly what: "step" | "agent" | "pause" | "wait";
  readonly id: string;
  readonly from: number;
  /** Absent while it lasts. */
  readonly to?: number;
  readonly attempt: number;
}

/** A text stream as far as it has come. */
export interface TextState {
  readonly text: string;
  readonly done: boolean;
  /** Whether the beginning was cut to stay within the bound. */
  readonly truncated?: boolean;
  /** The offset in the channel of its latest piece. */
  readonly offset: number;
}

/** Where an operation stands in a line. */
export interface WaitingState {
  readonly position: number;
  readonly total: number;
  readonly estimated_wait_ms?: number;
}

/**
 * The whole state of an operation: what a GET answers, what a late subscriber is given, and what
 * someone who watched from the start has folded, all three the same.
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
  /** 0–100; never falls but where the job says so (`reset`, a new attempt). */
  readonly percent: number;
  /** What was last said about its progress. */
  readonly message?: string;
  readonly counter?: Counter;
  readonly waiting?: WaitingState;
  readonly steps: readonly StepState[];
  /** The id of the step that runs. */
  readonly current_step?: string;
  readonly agents: readonly AgentState[];
  /** The id of the agent that became active last and still is. */
  readonly current_agent?: string;
  /** The ids of steps and agents in the order they first began. */
  readonly execution_order: readonly string[];
  readonly timeline: readonly TimelineSpan[];
  readonly log: readonly LogLine[];
  /** Lines ever written, kept or not. */
  readonly log_total: number;
  /** Lines of each level ever written. */
  readonly log_counts: Readonly<Record<Level, number>>;
  readonly texts: Readonly<Record<string, TextState>>;
  /** The latest commands, oldest first. */
  readonly commands: readonly OperationCommand[];
  readonly result?: unknown;
  readonly error?: OperationError;
  /** Why it is paused or was cancelled. */
  readonly reason?: string;
  /** With status `stalled`: the status it returns to when the producer speaks again. */
  readonly before_stall?: OperationStatus;
  readonly created_at: number;
  /** When this attempt began. */
  readonly started_at?: number;
  readonly ended_at?: number;
  readonly updated_at: number;
  /** The offset in the channel of the last event folded in. */
  readonly offset: number;
}

/** How much of each list a state keeps: the latest ones, so that a snapshot stays small. */
export const operationBounds = {
  steps: 200,
  agents: 100,
  tasksPerAgent: 20,
  executionOrder: 500,
  timeline: 500,
  log: 200,
  commands: 20,
  texts: 32,
  /** Characters of one text stream. */
  textLength: 256 * 1024,
} as const;

/** What lists of operations show: a few fields of the state. */
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

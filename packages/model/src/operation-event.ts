import type { OperationCommandName } from "./operation-command.ts";

/** Severity of a line of the log. */
export type Level = "info" | "success" | "warning" | "error";

/** A step as a plan declares it. */
export interface StepPlan<Id extends string = string> {
  /** Id of the step: 1–64 characters, unique in the operation. */
  readonly id: Id;
  /** Title for people; the id if absent. */
  readonly title?: string;
  /** Share of the whole, relative to the other steps; 1 if absent. */
  readonly weight?: number;
}

/** An error of an operation, for people and programs. */
export interface OperationError {
  readonly code: string;
  readonly message: string;
  /** True if the command `retry` may help. */
  readonly retryable: boolean;
}

/**
 * Event names of an operation's channel, each with the type of its data.
 *
 * The gateway itself publishes `created`, `command` with phase `requested` or `timed_out`, `stalled`, `revived`
 * and `lost`. The producer publishes all others. Percentages are 0–100 and may be fractions.
 */
export interface OperationEvents {
  created: {
    readonly operation_id: string;
    readonly kind: string;
    readonly title?: string;
    readonly session_id?: string;
    readonly user_id?: string;
    readonly producer_id?: string;
    readonly steps?: readonly StepPlan[];
    /** Input of the work, as far as subscribers may see it. */
    readonly input?: unknown;
  };
  /** The operation waits in a queue; `position` 1 is next. */
  waiting: {
    readonly position: number;
    readonly total: number;
    readonly estimated_wait_ms?: number;
  };
  /** Work begins. `attempt` counts from 1; a higher attempt resets the progress. */
  started: { readonly attempt?: number };
  /** The plan, or a new plan. Steps that keep their id also keep their progress. */
  steps: { readonly steps: readonly StepPlan[] };
  /**
   * A step begins, advances or ends. A step that is not in the plan is added to it. `running` (the default)
   * makes it the current step; a running step needs no explicit start. A step that has ended begins again only
   * if `running` is sent explicitly.
   */
  step: {
    readonly id: string;
    readonly status?: "running" | "done" | "failed" | "skipped";
    readonly title?: string;
    readonly message?: string;
    readonly percent?: number;
    readonly done?: number;
    readonly total?: number;
    readonly unit?: string;
  };
  /** Progress of the whole, used if there are no steps with a weight. Only `reset` lets the percentage fall. */
  progress: {
    readonly percent?: number;
    readonly done?: number;
    readonly total?: number;
    readonly unit?: string;
    readonly message?: string;
    readonly reset?: boolean;
  };
  /** Activity of an agent and its current tasks. A new agent is active unless `active` is false. */
  agent: {
    readonly id: string;
    readonly name?: string;
    readonly active?: boolean;
    readonly progress?: number;
    /** All current tasks of the agent; replaces the known ones. */
    readonly tasks?: readonly string[];
  };
  /** A line of the log, written for people. */
  log: {
    readonly level?: Level;
    readonly message: string;
    readonly agent?: string;
    readonly step?: string;
    readonly data?: unknown;
  };
  /**
   * A piece of a text stream. `done` completes the stream, `reset` empties it first. A complete stream takes no
   * more pieces until a `reset`.
   */
  text: {
    readonly stream: string;
    readonly append?: string;
    readonly done?: boolean;
    readonly reset?: boolean;
  };
  paused: { readonly reason?: string };
  resumed: Record<string, never>;
  /** A command was requested, or moved to another phase. */
  command: {
    readonly command_id: string;
    readonly command: OperationCommandName;
    readonly phase: "requested" | "acknowledged" | "done" | "refused" | "timed_out";
    readonly by?: string;
    readonly reason?: string;
    readonly args?: unknown;
  };
  done: { readonly result?: unknown };
  failed: { readonly error: OperationError };
  cancelled: { readonly reason?: string };
  /** The producer was silent for longer than its lease. */
  stalled: { readonly silent_ms: number };
  /** The producer reported again after a stall. */
  revived: Record<string, never>;
  /** The producer did not return and is given up; only the command `retry` makes the operation run again. */
  lost: { readonly silent_ms: number };
}

/** Name of an event of an operation. */
export type OperationEventName = keyof OperationEvents;

/** One event of an operation, discriminated by its name. */
export type OperationEvent = {
  [Name in OperationEventName]: { readonly event: Name; readonly data: OperationEvents[Name] };
}[OperationEventName];

/** An event of an operation as the log holds it, with its time and offset. */
export type OperationEntry = OperationEvent & {
  /** Time of the append, in milliseconds since 1970. */
  readonly ts: number;
  readonly offset: number;
};

/** True if only the gateway may publish this event. The gateway refuses it in a producer's report. */
export function isGatewayEvent({ event, data }: OperationEvent): boolean {
  switch (event) {
    case "created":
    case "stalled":
    case "revived":
    case "lost":
      return true;
    case "command":
      return data.phase === "requested" || data.phase === "timed_out";
    default:
      return false;
  }
}

import type { OperationCommandName } from "./operation-command.ts";

/** How much a line of the log matters. */
export type Level = "info" | "success" | "warning" | "error";

/** A step as its plan declares it. */
export interface StepPlan<Id extends string = string> {
  /** Unique in the operation; 1–64 characters. */
  readonly id: Id;
  /** What a person reads; the id when absent. */
  readonly title?: string;
  /** Its share of the whole relative to the other steps; 1 when absent. */
  readonly weight?: number;
}

/** An error as a person and a program read it. */
export interface OperationError {
  readonly code: string;
  readonly message: string;
  /** Whether the command `retry` makes sense. */
  readonly retryable: boolean;
}

/**
 * What happens in an operation: the event names of its channel and the data of each.
 *
 * The gateway itself publishes `created`, `command` with phase `requested` or `timed_out`, `stalled`,
 * `revived` and `lost`; the producer all others. Percentages are 0–100 and may be fractions.
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
    /** What the work was asked to do, as far as watchers may know. */
    readonly input?: unknown;
  };
  /** It stands in a line: `position` 1 is next. */
  waiting: {
    readonly position: number;
    readonly total: number;
    readonly estimated_wait_ms?: number;
  };
  /** Work begins; `attempt` counts from 1. A higher attempt starts progress anew. */
  started: { readonly attempt?: number };
  /** The plan, or a new one: steps of the old plan with the same id keep their progress. */
  steps: { readonly steps: readonly StepPlan[] };
  /**
   * A step begins, advances or ends. Naming a step that is not in the plan adds it.
   * `running` (the default) makes it the current one; a running step needs no explicit start. A step that
   * has ended begins anew only when `running` is said.
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
  /** Progress of the whole where there are no steps to derive it from; `reset` lets it go backwards. */
  progress: {
    readonly percent?: number;
    readonly done?: number;
    readonly total?: number;
    readonly unit?: string;
    readonly message?: string;
    readonly reset?: boolean;
  };
  /** An agent's activity and the tasks it is at now; a new agent is active unless it says otherwise. */
  agent: {
    readonly id: string;
    readonly name?: string;
    readonly active?: boolean;
    readonly progress?: number;
    /** All it is at now; replaces what was known. */
    readonly tasks?: readonly string[];
  };
  /** A line of the log, for a person to read. */
  log: {
    readonly level?: Level;
    readonly message: string;
    readonly agent?: string;
    readonly step?: string;
    readonly data?: unknown;
  };
  /** A piece of a text stream; `done` completes it, `reset` empties it first. A complete one takes no more. */
  text: {
    readonly stream: string;
    readonly append?: string;
    readonly done?: boolean;
    readonly reset?: boolean;
  };
  paused: { readonly reason?: string };
  resumed: Record<string, never>;
  /** One phase of one command. */
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
  /** The producer has been silent for longer than its lease. */
  stalled: { readonly silent_ms: number };
  /** The producer spoke again. */
  revived: Record<string, never>;
  /** The producer is given up; only `retry` can bring the operation back. */
  lost: { readonly silent_ms: number };
}

/** The name of something that happens in an operation. */
export type OperationEventName = keyof OperationEvents;

/** One event of an operation, by name. */
export type OperationEvent = {
  [Name in OperationEventName]: { readonly event: Name; readonly data: OperationEvents[Name] };
}[OperationEventName];

/** An event of an operation as it stands in the log: with its time and its offset there. */
export type OperationEntry = OperationEvent & {
  /** Milliseconds since 1970. */
  readonly ts: number;
  readonly offset: number;
};

/** Whether only the gateway may publish this event: a producer's report of it is refused. */
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

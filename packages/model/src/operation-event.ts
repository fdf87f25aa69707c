import type { Accepts } from "./accepts.ts";
import type { Amount } from "./amount.ts";
import type { CommandName } from "./operation-command.ts";
import type { OperationEstimate } from "./operation-estimate.ts";
import type { InputPhase } from "./operation-input.ts";
import type { Budget, ChildrenState } from "./operation-tree.ts";
import type { QuestionAudience, QuestionKind, QuestionOption, QuestionPhase } from "./question.ts";

/** Severity of a line in an operation's log. */
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

/** The error of a failed operation, for people and programs. */
export interface OperationError {
  readonly code: string;
  readonly message: string;
  /** True if the command `retry` may help. */
  readonly retryable: boolean;
}

/**
 * Event names of an operation's channel, each with the type of its data.
 *
 * The gateway itself publishes `created`, `children`, `budget`, `question`, `command` with phase `requested` or
 * `timed_out`, `input` with phase `queued`, `stalled`, `revived`, `lost` and `estimate`. The producer publishes all others.
 * Percentages are 0–100 and may be fractions.
 */
export interface OperationEvents {
  created: {
    readonly operation_id: string;
    readonly kind: string;
    readonly title?: string;
    readonly session_id?: string;
    readonly user_id?: string;
    readonly producer_id?: string;
    /** Collection that the operation belongs to; `collection:{id}` is the channel of its summaries. */
    readonly collection_id?: string;
    /** Any other channel that the operation belongs to and that gets its summaries. */
    readonly belongs_to?: string;
    /** Id of the operation that this one is a part of. */
    readonly parent?: string;
    /** Share of the parent's progress, relative to the other children; 1 if absent. */
    readonly weight?: number;
    /** Words by which the operation can be found. */
    readonly tags?: readonly string[];
    /** Limit of a counter, descendants included. Passing it pauses the work and asks what to do. */
    readonly budget?: Budget;
    readonly steps?: readonly StepPlan[];
    /** Commands and messages that the operation accepts from people while it runs. */
    readonly accepts?: Accepts;
    /** Input of the work. Subscribers can see it, so the producer includes only what they may see. */
    readonly input?: unknown;
    /** Amount of work in the kind's own unit, such as pages. Estimates of the time left take it into account. */
    readonly size?: number;
  };
  /** The operation waits in a queue. The operation at `position` 1 is the next to run. */
  waiting: {
    readonly position: number;
    readonly total: number;
    readonly estimated_wait_ms?: number;
    /** Range of the wait, in a queue of the gateway. */
    readonly estimated_wait?: { readonly p50_ms: number; readonly p90_ms: number };
    /** Queue of the gateway in which it waits, and its ticket there. Only the gateway may set them. */
    readonly queue?: string;
    readonly ticket?: string;
  };
  /** Work begins. `attempt` counts from 1; a higher attempt resets the progress. */
  started: { readonly attempt?: number };
  /** The plan of steps, or a new plan. A step whose id is also in the new plan keeps its progress. */
  steps: { readonly steps: readonly StepPlan[] };
  /**
   * A step begins, advances or ends. The state adds a step that is not in the plan. The status `running` is the
   * default and makes the step the current one, so a step needs no separate start. A step that has ended begins
   * again only if a report sends `running` explicitly.
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
  /** Progress of the whole operation, used if no step has a weight. The percentage falls only with `reset`. */
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
    /** All current tasks of the agent. They replace the earlier ones. */
    readonly tasks?: readonly string[];
  };
  /** A line for the operation's log, written for people. */
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
  /** Adds to a counter of the operation, such as tokens or a cost. Exact; see {@link Amount}. */
  count: { readonly name: string; readonly add: Amount };
  /** A link, for instance to what the operation has deployed. The same id replaces an earlier link. */
  link: { readonly id: string; readonly title?: string; readonly url: string };
  /** Something that the operation has made: small data inline, anything else by its address. */
  artefact: {
    readonly name: string;
    readonly type?: string;
    readonly size?: number;
    readonly url?: string;
    readonly data?: unknown;
  };
  /**
   * The producer lives and says why nothing moves, until about when. Without a reason and a time, the reason before is
   * over. Any progress ends it, too.
   */
  beat: { readonly reason?: string; readonly until?: number };
  /** Sum of the work of the operation's children. It replaces the sum before. */
  children: ChildrenState;
  /** The counter of the budget passed its limit, or somebody decided what comes of it. */
  budget: {
    readonly phase: "passed" | "extended" | "stopped";
    readonly limit: Amount;
    readonly spent?: Amount;
    readonly question_id?: string;
  };
  paused: { readonly reason?: string };
  resumed: Record<string, never>;
  /** A command was requested, or moved to another phase. */
  command: {
    readonly command_id: string;
    readonly command: CommandName;
    readonly phase: "requested" | "acknowledged" | "done" | "refused" | "timed_out";
    readonly by?: string;
    readonly reason?: string;
    readonly args?: unknown;
  };
  /** The operation accepts other commands or messages than before. */
  accepts: Accepts;
  /** A message was sent to the operation (`queued`), or its producer reports on it. */
  input: {
    readonly input_id: string;
    readonly phase: InputPhase;
    readonly data?: unknown;
    readonly by?: string;
  };
  /** A question was asked, or something happened to it. Only the gateway publishes it. */
  question: {
    readonly question_id: string;
    readonly phase: QuestionPhase;
    readonly kind?: QuestionKind;
    readonly prompt?: string;
    readonly options?: readonly QuestionOption[];
    readonly schema?: unknown;
    readonly for?: QuestionAudience;
    readonly default?: unknown;
    readonly deadline_at?: number;
    readonly level?: number;
    readonly answer?: unknown;
    readonly comment?: string;
    readonly by?: string;
    readonly by_default?: true;
    readonly reason?: string;
  };
  done: { readonly result?: unknown };
  failed: { readonly error: OperationError };
  cancelled: { readonly reason?: string };
  /**
   * The gateway received no report or renewal from the producer for the length of its lease. `silent_ms` is the
   * length of the silence, in milliseconds.
   */
  stalled: { readonly silent_ms: number };
  /** The producer reports again after the operation was stalled. */
  revived: Record<string, never>;
  /**
   * The producer did not return after a stall, and the gateway gave it up. Only the command `retry` makes the
   * operation run again.
   */
  lost: { readonly silent_ms: number };
  /** Time left, as the gateway estimates it from finished runs of the kind. Each estimate replaces the one before. */
  estimate: OperationEstimate;
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
    case "children":
    case "budget":
    case "stalled":
    case "revived":
    case "lost":
    case "question":
    case "estimate":
      return true;
    case "input":
      return data.phase === "queued" || data.phase === "rejected" || data.phase === "dropped";
    case "command":
      return data.phase === "requested" || data.phase === "timed_out";
    default:
      return false;
  }
}

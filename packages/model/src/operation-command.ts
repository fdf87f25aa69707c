import type { OperationStatus } from "./operation-status.ts";

/** What a person may ask of running work. */
export type OperationCommandName = "cancel" | "pause" | "resume" | "retry";

/** The phases a command goes through; the last three are final. */
export type CommandPhase = "requested" | "acknowledged" | "done" | "refused" | "timed_out";

/** A command and how far it has come. */
export interface OperationCommand {
  readonly id: string;
  readonly command: OperationCommandName;
  readonly phase: CommandPhase;
  /** The user or key that asked. */
  readonly by?: string;
  /** Why it was refused. */
  readonly reason?: string;
  readonly args?: unknown;
  /** When it was asked for, in milliseconds since 1970. */
  readonly requested_at: number;
  readonly updated_at: number;
}

/** In which status each command makes sense; any other refuses it at once with `not_possible_now`. */
export const commandAllowedIn = {
  cancel: ["waiting", "running", "paused", "stalled"],
  pause: ["running"],
  resume: ["paused"],
  retry: ["failed", "cancelled", "lost"],
} as const satisfies Record<OperationCommandName, readonly OperationStatus[]>;

/** Which phase may follow which; a report that asks for any other is ignored. */
export const commandTransitions = {
  requested: ["acknowledged", "done", "refused", "timed_out"],
  acknowledged: ["done", "refused", "timed_out"],
  done: [],
  refused: [],
  timed_out: [],
} as const satisfies Record<CommandPhase, readonly CommandPhase[]>;

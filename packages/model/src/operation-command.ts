import type { OperationStatus } from "./operation-status.ts";

/** Commands that a person may send to running work. */
export type OperationCommandName = "cancel" | "pause" | "resume" | "retry";

/** Name of a command: one that every operation has, or one that the operation declares. */
export type CommandName = OperationCommandName | (string & {});

/** Phases of a command. `done`, `refused` and `timed_out` are final. */
export type CommandPhase = "requested" | "acknowledged" | "done" | "refused" | "timed_out";

/** A command and its current phase. */
export interface OperationCommand {
  readonly id: string;
  readonly command: CommandName;
  readonly phase: CommandPhase;
  /** User or key that requested the command. */
  readonly by?: string;
  /** Reason that was given in the latest phase with a reason, for instance why the command was refused. */
  readonly reason?: string;
  readonly args?: unknown;
  /** Time of the request, in milliseconds since 1970. */
  readonly requested_at: number;
  readonly updated_at: number;
}

/**
 * Statuses of the operation in which each command is allowed. In any other status the gateway refuses the
 * command at once with `not_possible_now`.
 */
export const commandAllowedIn = {
  cancel: ["waiting", "running", "paused", "stalled"],
  pause: ["running"],
  resume: ["paused"],
  retry: ["failed", "cancelled", "lost"],
} as const satisfies Record<OperationCommandName, readonly OperationStatus[]>;

/** Phases that may follow each phase. A report of any other phase is ignored. */
export const commandTransitions = {
  requested: ["acknowledged", "done", "refused", "timed_out"],
  acknowledged: ["done", "refused", "timed_out"],
  done: [],
  refused: [],
  timed_out: [],
} as const satisfies Record<CommandPhase, readonly CommandPhase[]>;

/** True if a command may move from one phase to another. Phases only move forward. */
export function mayFollow(from: CommandPhase, to: CommandPhase): boolean {
  const next: readonly CommandPhase[] = commandTransitions[from];
  return next.includes(to);
}

/** True if a phase is final. */
export function isSettled(phase: CommandPhase): boolean {
  return commandTransitions[phase].length === 0;
}

import {
  type CommandPhase,
  commandTransitions,
  type OperationCommand,
} from "./operation-command.ts";
import type { OperationEvents } from "./operation-event.ts";
import { operationBounds } from "./operation-state.ts";

/** Whether a command may go from one phase to another; phases only go forward. */
export function mayFollow(from: CommandPhase, to: CommandPhase): boolean {
  const next: readonly CommandPhase[] = commandTransitions[from];
  return next.includes(to);
}

/** Whether a command has come to its end. */
export function isSettled(phase: CommandPhase): boolean {
  return commandTransitions[phase].length === 0;
}

/**
 * The commands after one phase of one of them; the same list when the phase does not follow.
 *
 * A list at its bound drops its oldest settled command first, so that none which still waits is lost.
 */
export function reportCommand(
  commands: readonly OperationCommand[],
  report: OperationEvents["command"],
  ts: number,
): readonly OperationCommand[] {
  const { phase, reason } = report;
  const index = commands.findIndex(({ id }) => id === report.command_id);
  const before = commands[index];
  if (before !== undefined) {
    if (!mayFollow(before.phase, phase)) return commands;
    const after = { ...before, phase, updated_at: ts };
    return commands.with(index, reason === undefined ? after : { ...after, reason });
  }
  if (phase !== "requested") return commands;
  const { command_id: id, command, by, args } = report;
  return bounded([
    ...commands,
    {
      id,
      command,
      phase,
      ...(by === undefined ? {} : { by }),
      ...(reason === undefined ? {} : { reason }),
      ...(args === undefined ? {} : { args }),
      requested_at: ts,
      updated_at: ts,
    },
  ]);
}

function bounded(commands: readonly OperationCommand[]): readonly OperationCommand[] {
  if (commands.length <= operationBounds.commands) return commands;
  const oldestSettled = commands.findIndex(({ phase }) => isSettled(phase));
  return commands.toSpliced(Math.max(oldestSettled, 0), 1);
}

import { definedFields } from "@milepost/protocol";
import {
  type CommandPhase,
  commandTransitions,
  type OperationCommand,
} from "./operation-command.ts";
import type { OperationEvents } from "./operation-event.ts";
import { operationBounds } from "./operation-state.ts";

/** True if a command may move from one phase to another. Phases only move forward. */
export function mayFollow(from: CommandPhase, to: CommandPhase): boolean {
  const next: readonly CommandPhase[] = commandTransitions[from];
  return next.includes(to);
}

/** True if a phase is final. */
export function isSettled(phase: CommandPhase): boolean {
  return commandTransitions[phase].length === 0;
}

/**
 * Applies a reported phase to the list of commands. Returns the same list if the phase may not follow.
 *
 * A list at its bound drops its oldest settled command first, so that pending commands stay.
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
    const after = { ...before, phase, updated_at: ts, ...definedFields({ reason }) };
    return commands.with(index, after);
  }
  if (phase !== "requested") return commands;
  const { command_id: id, command, by, args } = report;
  return bounded([
    ...commands,
    {
      id,
      command,
      phase,
      ...definedFields({ by, reason, args }),
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

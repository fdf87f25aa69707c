import { definedFields } from "@milepost/protocol";
import { isBuiltInCommand } from "./accepts.ts";
import { putItem } from "./item-list.ts";
import { isSettled, mayFollow, type OperationCommand } from "./operation-command.ts";
import type { OperationEvents } from "./operation-event.ts";
import { operationBounds } from "./operation-state.ts";

/**
 * Returns the unsettled command that a new one of this name repeats: pressing cancel twice is one command. Only the
 * commands that every operation has are the same by their name alone.
 */
export function repeatedCommand(
  commands: readonly OperationCommand[],
  name: string,
): OperationCommand | undefined {
  if (!isBuiltInCommand(name)) return undefined;
  return commands.find(({ command, phase }) => command === name && !isSettled(phase));
}

/**
 * Applies a reported phase to the list of commands. Returns the same list if the phase may not follow, or if the command
 * repeats one that is not settled. All who fold the log decide alike, so two nodes that ask at the same time agree.
 *
 * A list at its bound drops its oldest settled command first, so that pending commands stay.
 */
export function reportCommand(
  commands: readonly OperationCommand[],
  report: OperationEvents["command"],
  ts: number,
): readonly OperationCommand[] {
  const { phase, reason } = report;
  const { command_id: id, command, by, args } = report;
  const before = commands.find((one) => one.id === id);
  if (before === undefined && repeatedCommand(commands, command) !== undefined) return commands;
  if (before === undefined ? phase !== "requested" : !mayFollow(before.phase, phase)) {
    return commands;
  }
  const after = {
    ...(before ?? { id, command, ...definedFields({ by, args }), requested_at: ts }),
    phase,
    ...definedFields({ reason }),
    updated_at: ts,
  };
  return putItem(commands, after, operationBounds.commands, (one) => isSettled(one.phase));
}

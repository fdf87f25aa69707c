import type { OperationCommand, OperationCommandName } from "@milepost/model";

/** Labels of each command's button: when it can be used, and while the command is pending. */
export const commandLabels = {
  cancel: { idle: "Cancel", pending: "Cancelling…" },
  pause: { idle: "Pause", pending: "Pausing…" },
  resume: { idle: "Resume", pending: "Resuming…" },
  retry: { idle: "Retry", pending: "Retrying…" },
} as const satisfies Record<OperationCommandName, { idle: string; pending: string }>;

/** Message about a command; `bad` is true when the command was refused or timed out. */
export interface CommandNews {
  readonly text: string;
  readonly bad: boolean;
}

/**
 * Returns the message about the latest command that a person must know: its state while it is pending, or why
 * it was refused or timed out. A completed command has no message, because the run itself shows its effect.
 */
export function commandNews(commands: readonly OperationCommand[]): CommandNews | undefined {
  const latest = commands.at(-1);
  if (!latest) return undefined;
  const name = isLabelled(latest.command) ? commandLabels[latest.command].idle : latest.command;
  switch (latest.phase) {
    case "requested":
      return { text: `${name}: sent, not confirmed by the worker yet.`, bad: false };
    case "acknowledged":
      return { text: `${name}: the worker is working on it.`, bad: false };
    case "refused":
      return {
        text: `${name} was refused${latest.reason ? `: ${latest.reason}` : "."}`,
        bad: true,
      };
    case "timed_out":
      return { text: `${name}: the worker did not answer in time.`, bad: true };
    case "done":
      return undefined;
  }
}

function isLabelled(command: string): command is OperationCommandName {
  return Object.hasOwn(commandLabels, command);
}

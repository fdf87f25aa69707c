import type { OperationCommand, OperationCommandName } from "@milepost/model";

/** What each command's button says, and what it says while the command is under way. */
export const commandLabels = {
  cancel: { idle: "Cancel", pending: "Cancelling…" },
  pause: { idle: "Pause", pending: "Pausing…" },
  resume: { idle: "Resume", pending: "Resuming…" },
  retry: { idle: "Retry", pending: "Retrying…" },
} as const satisfies Record<OperationCommandName, { idle: string; pending: string }>;

/** A sentence about a command; `bad` when it came to nothing. */
export interface CommandNews {
  readonly text: string;
  readonly bad: boolean;
}

/**
 * What became of the latest command, as far as a person must know: where it stands while under way,
 * and why it was refused. A command that was done shows in the run itself.
 */
export function commandNews(commands: readonly OperationCommand[]): CommandNews | undefined {
  const latest = commands.at(-1);
  if (!latest) return undefined;
  const name = commandLabels[latest.command].idle;
  switch (latest.phase) {
    case "requested":
      return { text: `${name}: sent, not confirmed by the worker yet.`, bad: false };
    case "acknowledged":
      return { text: `${name}: the worker is at it.`, bad: false };
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

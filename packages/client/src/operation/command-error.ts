import type { OperationCommand } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";

/**
 * Error of a command that was not done: `not_possible_now` when the producer refused it, `timed_out` when no
 * producer finished it in time.
 */
export class CommandError extends MilepostError {
  readonly command: OperationCommand;

  constructor(command: OperationCommand) {
    const refused = command.phase === "refused";
    const said =
      command.reason ??
      (refused
        ? "the producer refused the command"
        : "the producer did not finish the command in time");
    super(refused ? "not_possible_now" : "timed_out", said);
    this.name = "CommandError";
    this.command = command;
  }
}

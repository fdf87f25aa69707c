import type { OperationCommand } from "@milepost/model";
import { MilepostError } from "@milepost/protocol";

/** A command that came to nothing: `not_possible_now` when it was refused, `timed_out` when nobody did it. */
export class CommandError extends MilepostError {
  readonly command: OperationCommand;

  constructor(command: OperationCommand) {
    const refused = command.phase === "refused";
    const said =
      command.reason ?? (refused ? "the producer refused it" : "the producer did not answer");
    super(refused ? "not_possible_now" : "timed_out", said);
    this.name = "CommandError";
    this.command = command;
  }
}

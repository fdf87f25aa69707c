import { encodeId, idRule, isId } from "@milepost/protocol";
import { Command, InvalidArgumentError } from "commander";
import type { Terminal } from "../terminal.ts";

/** Creates the command `milepost id`, which prints the encoded form of an id. */
export function idCommand(terminal: Terminal): Command {
  return new Command("id")
    .description("Prints the id of a user or session as channel names have it.")
    .argument("<id>", "id of a user or session, such as auth0|7")
    .action((id: string) => {
      if (!isId(id)) throw new InvalidArgumentError(`the id ${idRule}`);
      terminal.out(encodeId(id));
    });
}

import { Command, InvalidArgumentError, Option } from "commander";
import { gatewayUrl, secretFrom } from "../api.ts";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import { durationMs } from "../option-values.ts";
import { progressPattern } from "../run/progress-pattern.ts";
import { runCommandAsOperation } from "../run/run-command.ts";
import type { Terminal } from "../terminal.ts";

interface RunFlags {
  readonly url?: string;
  readonly kind: string;
  readonly title?: string;
  readonly session?: string;
  readonly user?: string;
  readonly collection?: string;
  readonly id?: string;
  readonly size?: number;
  readonly output: "together" | "apart" | "none";
  readonly progress?: RegExp;
  readonly grace: number;
  readonly deliver: number;
  readonly quiet?: true;
  readonly color?: true;
}

const help = `
The command runs at once and to its end, whatever becomes of the gateway. Its exit code is that of this command: 127 if it is
not found, 126 if it cannot be started, 128 + n if signal n ended it.
cancel sends SIGTERM to all of its processes, and SIGKILL after the grace; pause and resume send SIGSTOP and SIGCONT.
Its output is a pipe, not a terminal: a program that shows colours on terminals only needs --color or an option of its own, or
script: milepost run -- script -qefc 'COMMAND' /dev/null
MILEPOST_API_KEY is the key to report with. The command finds the id of its operation in MILEPOST_OPERATION_ID.`;

/** Creates the command `milepost run`, which runs any program as an operation. */
export function runCommand(terminal: Terminal): Command {
  return new Command("run")
    .description("Runs a command as an operation: its output, its progress and its exit code.")
    .argument("<command...>", "the command and its arguments, best after --")
    .passThroughOptions()
    .option("--title <text>", "title that people read; by default the name of the program")
    .option("--kind <kind>", "kind of the operation", "command")
    .option("--session <id>", "session that may watch and command the operation")
    .option("--user <id>", "user who may watch and command the operation")
    .option("--collection <id>", "collection that the operation belongs to")
    .option("--id <operation>", "id of the operation; by default a random one")
    .option(
      "--size <number>",
      "amount of work, such as a number of pages, from which the time left is estimated too",
      amountOfWork,
    )
    .option(
      "--progress <regexp>",
      "pattern of lines that show progress, with the groups (?<percent>…), or (?<done>…) and (?<total>…)",
      progressPattern,
    )
    .addOption(
      new Option(
        "--output <how>",
        "report standard output and error as one text, as two, or not at all",
      )
        .choices(["together", "apart", "none"])
        .default("together"),
    )
    .option("--grace <duration>", "time from SIGTERM to SIGKILL", durationMs, 10_000)
    .option(
      "--deliver <duration>",
      "time for the last reports after the command has ended",
      durationMs,
      5_000,
    )
    .option("--color", "ask the command for colours (FORCE_COLOR, CLICOLOR_FORCE)")
    .option("--quiet", "print nothing but the output of the command")
    .option("--url <url>", "URL of the gateway (MILEPOST_URL)")
    .addHelpText("after", help)
    .action(async (command: readonly string[], flags: RunFlags) => {
      const apiKey = secretFrom(terminal, "MILEPOST_API_KEY");
      if (apiKey === undefined) {
        throw new CommandFailure(
          "no credential: set MILEPOST_API_KEY to a key of the gateway; the command was not started",
          exitCodes.config,
        );
      }
      if (command[0] === "") throw new InvalidArgumentError("the command is empty");
      const colours = flags.color ? { FORCE_COLOR: "1", CLICOLOR_FORCE: "1" } : {};
      const exitCode = await runCommandAsOperation(
        {
          command,
          url: gatewayUrl(terminal, flags.url),
          apiKey,
          kind: flags.kind,
          title: flags.title,
          session: flags.session,
          user: flags.user,
          collection: flags.collection,
          operationId: flags.id,
          size: flags.size,
          output: flags.output,
          progress: flags.progress,
          graceMs: flags.grace,
          deliverMs: flags.deliver,
          quiet: flags.quiet ?? false,
          env: { ...terminal.env, ...colours },
        },
        terminal,
      );
      if (exitCode !== exitCodes.ok) throw new CommandFailure("", exitCode);
    });
}

function amountOfWork(text: string): number {
  const size = Number(text);
  if (text.trim() !== "" && size >= 0 && size <= Number.MAX_SAFE_INTEGER) return size;
  throw new InvalidArgumentError("it must be a number of at least 0");
}

import { readFileSync } from "node:fs";
import { MilepostError } from "@milepost/protocol";
import { ConfigError, printable } from "@milepost/server/supervisor";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { loadCommands } from "./commands.ts";
import { CommandFailure, exitCodes } from "./exit-codes.ts";
import { safeTerminal, type Terminal } from "./terminal.ts";

const exitCodesHelp = `
Exit codes: ${exitCodes.ok} done, ${exitCodes.failure} failed, ${exitCodes.usage} wrong command line, ${exitCodes.config} wrong configuration.
Settings come from flags, then MILEPOST_* (and …_FILE for secrets), then the file named by --config or MILEPOST_CONFIG.`;

/** Runs one command line and resolves to the exit code. Never ends the process itself. */
export async function run(args: readonly string[], given: Terminal): Promise<number> {
  const terminal = safeTerminal(given);
  const program = new Command("milepost")
    .description("Pushes the progress of long-running work to the people waiting for it.")
    .version(readVersion(), "-V, --version")
    .addHelpText("after", exitCodesHelp)
    // Options after the name of a command are those of the command, as \`run\` needs it.
    .enablePositionalOptions()
    .showHelpAfterError("(run milepost --help for the commands and settings)");
  for (const command of await loadCommands(args, terminal)) program.addCommand(command);
  configure(program, terminal);
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCodes.ok;
  } catch (error) {
    return explain(error, terminal);
  }
}

/**
 * Makes a command and its subcommands write to the terminal and never exit the process. Commander does not copy
 * these settings to subcommands that already exist, so the function sets them on each one.
 */
function configure(command: Command, terminal: Terminal): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => terminal.out(text.trimEnd()),
    writeErr: (text) => terminal.err(text.trimEnd()),
  });
  for (const child of command.commands) configure(child, terminal);
}

function explain(error: unknown, terminal: Terminal): number {
  // Commander converts this error if an option's parser throws it. If it arrives here, the action of a command
  // threw it.
  if (error instanceof InvalidArgumentError) {
    terminal.err(`milepost: ${error.message}`);
    return exitCodes.usage;
  }
  // Commander has already printed the message of this error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof ConfigError) {
    terminal.err(error.message);
    return exitCodes.config;
  }
  if (error instanceof CommandFailure) {
    if (error.message !== "") terminal.err(`milepost: ${printable(error.message)}`);
    return error.exitCode;
  }
  if (error instanceof MilepostError) {
    terminal.err(`milepost: ${printable(error.message)}`);
    return error.code === "bad_message" ? exitCodes.usage : exitCodes.failure;
  }
  if (terminal.signal.aborted) return exitCodes.ok;
  terminal.err(
    `milepost: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return exitCodes.failure;
}

function readVersion(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

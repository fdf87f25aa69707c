import { MilepostError } from "@milepost/protocol";
import { backupData, restoreData } from "@milepost/sqlite";
import { Command } from "commander";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

interface DataFlags {
  readonly data?: string;
}

const dataOption = [
  "--data <folder>",
  "folder of the data (MILEPOST_DATA; default ./milepost-data)",
] as const;

/** Creates the command `milepost backup`, which copies the data of a gateway without Redis into one file. */
export function backupCommand(terminal: Terminal): Command {
  return new Command("backup")
    .description("Copies the data of a gateway without Redis into one file, also while it runs.")
    .argument("<file>", "file to write, which must not exist")
    .option(...dataOption)
    .action((file: string, flags: DataFlags) => {
      attempt(() => backupData(folderOf(flags, terminal), file));
      terminal.err(`the backup is in ${file}`);
    });
}

/** Creates the command `milepost restore`, which puts such a file in place of the data. */
export function restoreCommand(terminal: Terminal): Command {
  return new Command("restore")
    .description("Puts a backup in place of the data of a gateway that is stopped.")
    .argument("<file>", "file that milepost backup has written")
    .option(...dataOption)
    .action((file: string, flags: DataFlags) => {
      const folder = folderOf(flags, terminal);
      attempt(() => restoreData(file, folder));
      terminal.err(
        `the data in ${folder} are those of ${file}; what was there is in milepost.db.replaced`,
      );
    });
}

function folderOf({ data }: DataFlags, { env }: Terminal): string {
  return data ?? (env.MILEPOST_DATA || "./milepost-data");
}

function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const code = error instanceof MilepostError ? exitCodes.config : undefined;
    throw new CommandFailure(error.message, code, { cause: error });
  }
}

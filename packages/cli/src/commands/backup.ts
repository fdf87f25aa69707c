import { MilepostError } from "@milepost/protocol";
import { backupData, restoreData } from "@milepost/sqlite";
import { Command } from "commander";
import { defaultData } from "../default-data.ts";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

interface DataFlags {
  readonly data?: string;
}

const dataOption = [
  "--data <folder>",
  `folder of the data (MILEPOST_DATA; default ${defaultData})`,
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
      const replaced = attempt(() => restoreData(file, folder));
      const before = replaced === undefined ? "" : `; what was there is in ${replaced}`;
      terminal.err(`the data in ${folder} are those of ${file}${before}`);
    });
}

function folderOf({ data }: DataFlags, { env }: Terminal): string {
  return data ?? (env.MILEPOST_DATA || defaultData);
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const code = error instanceof MilepostError ? exitCodes.config : undefined;
    throw new CommandFailure(error.message, code, { cause: error });
  }
}

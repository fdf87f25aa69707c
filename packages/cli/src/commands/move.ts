import { MilepostError } from "@milepost/protocol";
import { loadConfig, moveData } from "@milepost/server";
import { Command } from "commander";
import { defaultData } from "../default-data.ts";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

interface MoveFlags {
  readonly to: string;
  readonly data?: string;
  readonly config?: string;
  readonly force?: true;
}

/** Creates the command `milepost move`, which copies the data of a stopped gateway into Redis. */
export function moveCommand(terminal: Terminal): Command {
  return new Command("move")
    .description(
      "Copies all data of a stopped gateway without Redis into Redis. Gateways that start with --redis go on where it has ended.",
    )
    .requiredOption("--to <url>", "URL of Redis, as --redis of serve takes it")
    .option("--data <folder>", `folder of the data (MILEPOST_DATA; default ${defaultData})`)
    .option("--config <file>", "JSON file with the settings of the gateways (MILEPOST_CONFIG)")
    .option("--force", "write over a prefix of Redis that has keys already; its other keys stay")
    .addHelpText(
      "after",
      "\nThe folder stays as it is. A move that was interrupted is repeated by the same command, unless a gateway has used the folder since. Nothing in Redis may be used before it has ended.",
    )
    .action(async ({ to, data, config: file, force }: MoveFlags) => {
      const { env } = terminal;
      // No gateway starts, so no secret is needed.
      const sources = { flags: { dev: true, redis: to }, env };
      const config = loadConfig({ ...sources, ...(file !== undefined && { file }) });
      const { redis, redisPrefix, redisTls, rules } = config;
      const folder = data ?? (env.MILEPOST_DATA || defaultData);
      try {
        await moveData({
          data: folder,
          redis,
          redisPrefix,
          rules,
          ...(redisTls && { redisTls }),
          ...(force && { force }),
          onPart: (part, items) => {
            if (items > 0) terminal.err(`${items} ${part}`);
          },
        });
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        const code = error instanceof MilepostError ? exitCodes.config : undefined;
        throw new CommandFailure(error.message, code);
      }
      terminal.err(
        `Redis has everything of ${folder}; start the gateways with --redis, and none with this folder any more`,
      );
    });
}

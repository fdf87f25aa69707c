import cluster from "node:cluster";
import { MilepostError } from "@milepost/protocol";
import {
  type Config,
  ConfigError,
  createLog,
  loadConfig,
  type Role,
  roles,
  type Serving,
  serve,
  superviseWorkers,
} from "@milepost/server";
import { Command, Option } from "commander";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import { durationMs, integerFrom } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";

interface ServeFlags {
  readonly port?: number;
  readonly host?: string;
  readonly config?: string;
  readonly redis?: string;
  readonly workers?: number;
  readonly role?: Role;
  readonly drain?: number;
  readonly logLevel?: Config["logLevel"];
  readonly compression?: true;
  readonly dev?: true;
}

/** `milepost serve`: runs a gateway until it is told to stop. */
export function serveCommand(terminal: Terminal): Command {
  return new Command("serve")
    .description("Runs the gateway.")
    .option("--port <port>", "where to listen (MILEPOST_PORT; 8787)", integerFrom(0, 65_535))
    .option("--host <address>", "on which address (MILEPOST_HOST; 127.0.0.1, 0.0.0.0 for all)")
    .option("--redis <url>", "the Redis that several gateways share (MILEPOST_REDIS_URL; none)")
    .option(
      "--workers <count>",
      "so many processes on the one port, over Redis (MILEPOST_WORKERS; 1)",
      integerFrom(1, 256),
    )
    .addOption(
      new Option("--role <role>", "which doors to serve (MILEPOST_ROLE; all)").choices(roles),
    )
    .option("--config <file>", "a JSON file of settings (MILEPOST_CONFIG)")
    .option(
      "--drain <duration>",
      "how long a stop waits for clients (MILEPOST_DRAIN_MS; 5s)",
      durationMs,
    )
    .addOption(
      new Option("--log-level <level>", "how much to log (MILEPOST_LOG_LEVEL; info)").choices([
        "trace",
        "debug",
        "info",
        "warn",
        "error",
        "silent",
      ]),
    )
    .option(
      "--compression",
      "compress WebSocket messages for clients that offer it (MILEPOST_COMPRESSION)",
    )
    .option("--dev", "for development: makes up the secrets and prints how to use them")
    .action(async ({ config: file, drain, ...flags }: ServeFlags) => {
      const read = () =>
        loadConfig({
          flags: { ...flags, ...(drain !== undefined && { drainMs: drain }) },
          env: terminal.env,
          ...(file !== undefined && { file }),
        });
      const config = read();
      if (config.workers > 1 && cluster.isPrimary) {
        await supervise(config, read, terminal);
        return;
      }
      const serving = await start(config, terminal);
      const isOwn = cluster.isPrimary;
      if (config.dev && isOwn)
        for (const line of developmentHints(config, serving.url)) terminal.err(line);
      const code = await serving.stopped;
      if (code !== 0) throw new CommandFailure("the gateway did not stop cleanly", code);
    });
}

/** Runs the workers; each is this command again. */
async function supervise(config: Config, read: () => Config, terminal: Terminal): Promise<void> {
  const { workers: count, drainMs, dev, tokenSecret, apiKeys, host } = config;
  const [key] = apiKeys;
  // What was made up for development must be the same in all of them.
  const secrets = {
    MILEPOST_TOKEN_SECRET: tokenSecret,
    ...(key === undefined ? {} : { MILEPOST_API_KEY: key.key }),
  };
  const started = await superviseWorkers({
    count,
    drainMs,
    env: config.madeUp.length > 0 ? secrets : {},
    reload: read,
    log: createLog({ level: config.logLevel }),
    process: terminal.process,
  });
  if ("code" in started) {
    if (started.code === 0) return;
    // The worker has said why.
    throw new CommandFailure("", started.code);
  }
  const url = `http://${host === "0.0.0.0" || host === "::" ? "localhost" : host}:${started.port}`;
  if (dev) for (const line of developmentHints(config, url)) terminal.err(line);
  const code = await started.stopped;
  if (code !== 0) throw new CommandFailure("the workers did not stop cleanly", code);
}

async function start(config: Config, terminal: Terminal): Promise<Serving> {
  try {
    return await serve(config, { process: terminal.process, isWorker: cluster.isWorker });
  } catch (error) {
    if (error instanceof ConfigError || !(error instanceof Error)) throw error;
    // The core's word on rules: nothing else of it is asked before it listens.
    if (error instanceof MilepostError) {
      throw new CommandFailure(error.message, exitCodes.config, { cause: error });
    }
    throw new CommandFailure(error.message, undefined, { cause: error });
  }
}

function developmentHints(config: Config, url: string): string[] {
  const made = config.madeUp.length > 0 ? " The secrets are new with each start." : "";
  const [key] = config.apiKeys;
  return [
    "",
    `Milepost for development on ${url}.${made} In another terminal:`,
    "",
    `  export MILEPOST_URL=${url}`,
    ...(key === undefined ? [] : [`  export MILEPOST_API_KEY=${key.key}`]),
    `  export MILEPOST_TOKEN_SECRET=${config.tokenSecret}`,
    "",
    "  npx milepost tail chat:42 &",
    `  npx milepost publish chat:42 message '{"text": "hello"}'`,
    "  npx milepost token --user 7 --session s1",
    "",
  ];
}

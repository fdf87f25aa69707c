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
  withKeptSecrets,
} from "@milepost/server";
import { Command, Option } from "commander";
import { defaultData } from "../default-data.ts";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import { durationMs, integerFrom } from "../option-values.ts";
import type { Terminal } from "../terminal.ts";

interface ServeFlags {
  readonly port?: number;
  readonly host?: string;
  readonly config?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly redis?: string;
  readonly data?: string;
  readonly memory?: true;
  readonly requireStore?: true;
  readonly workers?: number;
  readonly role?: Role;
  readonly drain?: number;
  readonly logLevel?: Config["logLevel"];
  readonly compression?: true;
  readonly metricsPort?: number;
  readonly metricsHost?: string;
  readonly console?: boolean;
  readonly tracing?: boolean;
  readonly dev?: true;
}

/** Creates the command `milepost serve`, which runs a gateway until a signal stops it. */
export function serveCommand(terminal: Terminal): Command {
  return new Command("serve")
    .description("Runs the gateway.")
    .option(
      "--port <port>",
      "port to listen on, 0 for any free one (MILEPOST_PORT; default 8787)",
      integerFrom(0, 65_535),
    )
    .option(
      "--host <address>",
      "address to listen on, 0.0.0.0 for all (MILEPOST_HOST; default 127.0.0.1)",
    )
    .option(
      "--tls-cert <file>",
      "PEM file of the certificate to serve TLS with (MILEPOST_TLS_CERT)",
    )
    .option("--tls-key <file>", "PEM file of its private key (MILEPOST_TLS_KEY)")
    .option(
      "--redis <url>",
      "URL of the Redis that several gateways share (MILEPOST_REDIS_URL; default none)",
    )
    .option(
      "--data <folder>",
      `folder in which a gateway without Redis keeps its data (MILEPOST_DATA; default ${defaultData})`,
    )
    .option("--memory", "keep nothing: forget everything when the gateway ends (MILEPOST_MEMORY)")
    .option(
      "--require-store",
      "end the start when Redis is absent, instead of waiting for it (MILEPOST_REQUIRE_STORE)",
    )
    .option(
      "--workers <count>",
      "number of processes that share the port; more than 1 needs Redis (MILEPOST_WORKERS; default 1)",
      integerFrom(1, 256),
    )
    .addOption(
      new Option(
        "--role <role>",
        "whom to serve: gateway for clients, api for backends, all for both (MILEPOST_ROLE; default all)",
      ).choices(roles),
    )
    .option("--config <file>", "JSON file with settings (MILEPOST_CONFIG)")
    .option(
      "--drain <duration>",
      "time that a stop gives clients to leave (MILEPOST_DRAIN_MS; default 5s)",
      durationMs,
    )
    .addOption(
      new Option(
        "--log-level <level>",
        "lowest level to log (MILEPOST_LOG_LEVEL; default info)",
      ).choices(["trace", "debug", "info", "warn", "error", "silent"]),
    )
    .option(
      "--compression",
      "compress WebSocket messages for clients that offer it (MILEPOST_COMPRESSION)",
    )
    .option(
      "--metrics-port <port>",
      "port for scrapers of /metrics that need no key, 0 for any free one (MILEPOST_METRICS_PORT; default none)",
      integerFrom(0, 65_535),
    )
    .option(
      "--metrics-host <address>",
      "address of that port (MILEPOST_METRICS_HOST; default 127.0.0.1)",
    )
    .option(
      "--console",
      "serve the console at /console beyond loopback too (MILEPOST_CONSOLE; default on loopback alone)",
    )
    .option("--no-console", "serve no console")
    .option(
      "--tracing",
      "record traces with the OpenTelemetry SDK that --import has set up (MILEPOST_TRACING)",
    )
    .option("--dev", "development mode: generates the secrets and prints how to use them")
    .action(async ({ config: file, drain, ...flags }: ServeFlags) => {
      const read = () =>
        loadConfig({
          flags: { ...flags, ...(drain !== undefined && { drainMs: drain }) },
          env: terminal.env,
          ...(file !== undefined && { file }),
          defaultData,
        });
      const config = withKept(read());
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

/** Runs the gateway in several worker processes. Each worker process runs the same command. */
async function supervise(config: Config, read: () => Config, terminal: Terminal): Promise<void> {
  const { workers: count, drainMs, dev, tokenSecret, apiKeys, host } = config;
  const [key] = apiKeys;
  // All workers must use the same generated development secrets.
  const secrets = {
    MILEPOST_TOKEN_SECRET: tokenSecret,
    ...(key?.key === undefined ? {} : { MILEPOST_API_KEY: key.key }),
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
    // The worker process has already printed the reason.
    throw new CommandFailure("", started.code);
  }
  const scheme = config.tlsCert === "" ? "http" : "https";
  const url = `${scheme}://${host === "0.0.0.0" || host === "::" ? "localhost" : host}:${started.port}`;
  if (dev) for (const line of developmentHints(config, url)) terminal.err(line);
  const code = await started.stopped;
  if (code !== 0) throw new CommandFailure("the workers did not stop cleanly", code);
}

async function start(config: Config, terminal: Terminal): Promise<Serving> {
  try {
    return await serve(config, { process: terminal.process, isWorker: cluster.isWorker });
  } catch (error) {
    if (error instanceof ConfigError || !(error instanceof Error)) throw error;
    // Before the gateway listens, the core's only errors are about rules, which are configuration.
    if (error instanceof MilepostError) {
      throw new CommandFailure(error.message, exitCodes.config, { cause: error });
    }
    throw new CommandFailure(error.message, undefined, { cause: error });
  }
}

/** Takes over the secrets of an earlier development start. */
function withKept(config: Config): Config {
  try {
    return withKeptSecrets(config);
  } catch (error) {
    throw new CommandFailure((error as Error).message, exitCodes.config, { cause: error });
  }
}

function developmentHints(config: Config, url: string): string[] {
  const isKept = config.data !== "";
  const made = isKept
    ? ` Its secrets are kept in ${config.data}.`
    : " Each start generates new secrets.";
  const secrets = config.madeUp.length > 0 ? made : "";
  const [key] = config.apiKeys;
  return [
    "",
    `Milepost runs for development on ${url}.${secrets} In another terminal:`,
    "",
    `  export MILEPOST_URL=${url}`,
    ...(key?.key === undefined ? [] : [`  export MILEPOST_API_KEY=${key.key}`]),
    `  export MILEPOST_TOKEN_SECRET=${config.tokenSecret}`,
    "",
    "  npx milepost tail chat:42 &",
    `  npx milepost publish chat:42 message '{"text": "hello"}'`,
    "  npx milepost token --user 7 --session s1",
    "",
  ];
}

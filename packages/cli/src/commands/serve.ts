import cluster from "node:cluster";
import { type LogLevel, type Role, roles } from "@milepost/server/supervisor";
import { Command, Option } from "commander";
import { defaultData } from "../default-data.ts";
import { durationMs, integerFrom } from "../option-values.ts";
import { mayHaveWorkers } from "../serve/may-have-workers.ts";
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
  readonly logLevel?: LogLevel;
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
    .action(async ({ config: file, drain, ...given }: ServeFlags) => {
      const flags = { ...given, ...(drain !== undefined && { drainMs: drain }) };
      const sources = { flags, ...(file !== undefined && { file }) };
      if (cluster.isPrimary && mayHaveWorkers(sources, terminal.env)) {
        const { superviseGateway } = await import("../serve/supervise-gateway.ts");
        if (await superviseGateway(sources, terminal)) return;
      }
      const { serveGateway } = await import("../serve/serve-gateway.ts");
      await serveGateway(sources, terminal);
    });
}

import cluster from "node:cluster";
import { MilepostError } from "@milepost/protocol";
import { type Config, ConfigError, type Serving, serve } from "@milepost/server";
import { CommandFailure, exitCodes } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";
import { developmentHints } from "./development-hints.ts";
import { readServeConfig, withKept } from "./serve-config.ts";
import type { ServeSources } from "./serve-sources.ts";
import { superviseGateway } from "./supervise-gateway.ts";
import { developmentSecretsOf } from "./worker-plan.ts";

/** Runs a gateway in this process until a signal stops it. */
export async function serveGateway(sources: ServeSources, terminal: Terminal): Promise<void> {
  const config = withKept(readServeConfig(sources, terminal.env));
  const isOwn = cluster.isPrimary;
  if (config.workers > 1 && isOwn) {
    await superviseGateway(sources, terminal);
    return;
  }
  const serving = await start(config, terminal);
  if (config.dev && isOwn) {
    for (const line of developmentHints(developmentSecretsOf(config), serving.url)) {
      terminal.err(line);
    }
  }
  const code = await serving.stopped;
  if (code !== 0) throw new CommandFailure("the gateway did not stop cleanly", code);
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

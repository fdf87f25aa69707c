import { createLog, superviseWorkers } from "@milepost/server/supervisor";
import { CommandFailure } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";
import { developmentHints } from "./development-hints.ts";
import { readWorkerPlan } from "./read-worker-plan.ts";
import type { ServeSources } from "./serve-sources.ts";

/**
 * Runs the gateway in several worker processes, each of which runs the same command, until a signal stops it. Returns false
 * at once if the configuration asks for one process only.
 *
 * This process loads none of the gateway's code: another one reads the configuration and ends.
 */
export async function superviseGateway(
  sources: ServeSources,
  terminal: Terminal,
): Promise<boolean> {
  const {
    workers: count,
    drainMs,
    logLevel,
    host,
    isTls,
    dev,
  } = await readWorkerPlan(sources, terminal.env);
  if (count <= 1) return false;
  // All workers must use the same generated development secrets.
  const secrets =
    dev?.areMadeUp === true
      ? {
          MILEPOST_TOKEN_SECRET: dev.tokenSecret,
          ...(dev.apiKey === undefined ? {} : { MILEPOST_API_KEY: dev.apiKey }),
        }
      : {};
  const started = await superviseWorkers({
    count,
    drainMs,
    env: secrets,
    reload: () => readWorkerPlan(sources, terminal.env),
    log: createLog({ level: logLevel }),
    process: terminal.process,
  });
  if ("code" in started) {
    if (started.code === 0) return true;
    // The worker process has already printed the reason.
    throw new CommandFailure("", started.code);
  }
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : host;
  const url = `${isTls ? "https" : "http"}://${name}:${started.port}`;
  if (dev !== undefined) for (const line of developmentHints(dev, url)) terminal.err(line);
  const code = await started.stopped;
  if (code !== 0) throw new CommandFailure("the workers did not stop cleanly", code);
  return true;
}

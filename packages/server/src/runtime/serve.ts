import cluster from "node:cluster";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import type { Config } from "../config/load-config.ts";
import { createGateway, type Gateway } from "../gateway.ts";
import { createLog } from "./log.ts";
import { type OpenedEngine, openEngine } from "./open-engine.ts";
import { openSources } from "./open-sources.ts";
import { onSighup } from "./sighup.ts";
import { stopMessage } from "./stop-message.ts";
import { logStoreWarnings } from "./store-warnings.ts";

/** What serving needs of the process. */
export interface ProcessPort {
  on(event: ProcessEvent, listener: (cause: unknown) => void): unknown;
  removeListener(event: ProcessEvent, listener: (cause: unknown) => void): unknown;
  exit(code: number): void;
}

type ProcessEvent = (typeof stopSignals)[number] | (typeof faults)[number] | "SIGHUP" | "message";

/** How long a worker is there after it has left the port. */
const handOverMs = 500;

const stopSignals = ["SIGTERM", "SIGINT"] as const;
const faults = ["uncaughtException", "unhandledRejection"] as const;

/** A gateway that runs until its process is told to stop. */
export interface Serving {
  readonly gateway: Gateway;
  readonly address: AddressInfo;
  /** Where to reach it from this machine. */
  readonly url: string;
  /** Resolves with the exit code once it has stopped. */
  readonly stopped: Promise<number>;
}

/**
 * Runs a gateway as the whole of a process. Rejects when it cannot reach Redis or cannot listen.
 *
 * The first SIGTERM or SIGINT drains: not ready any more, clients told, up to `drainMs` for them to leave,
 * exit 0. A second one exits at once with 1. SIGHUP changes nothing and says so, but where its terminal is gone. A worker drains when its supervisor says so
 * as well, and leaves SIGINT and SIGHUP to that, since a terminal sends them to both; its lines in the log carry its `pid`.
 * A fault that nobody caught is logged, then exit 1.
 */
export async function serve(
  config: Config,
  options: {
    readonly process?: ProcessPort;
    readonly log?: Logger;
    readonly isWorker?: boolean;
  } = {},
): Promise<Serving> {
  const { process: host = process as ProcessPort } = options;
  const isWorker = options.isWorker === true;
  const ownLog = options.log ?? createLog({ level: config.logLevel });
  const log = isWorker ? ownLog.child({ pid: process.pid }) : ownLog;
  const engine = await openEngine(config, log);
  const { gateway, address } = await start(config, log, engine);
  const url = urlOf(address);
  // Of workers, which have the same store, one is enough.
  if (cluster.worker === undefined || cluster.worker.id === 1) void logStoreWarnings(config, log);
  let finish: (code: number) => void = () => {};
  const stopped = new Promise<number>((resolve) => {
    finish = (code) => {
      for (const signal of stopSignals) host.removeListener(signal, onSignal);
      forgetHangUp();
      host.removeListener("message", onMessage);
      for (const fault of faults) host.removeListener(fault, fail);
      resolve(code);
      host.exit(code);
    };
  });

  let stopping = false;
  function onSignal(signal: unknown): void {
    if (isWorker && signal === "SIGINT") return;
    if (!stopping) stop();
    else if (!isWorker) {
      log.warn("told to stop again: exits at once");
      finish(1);
    }
  }

  function keepSettings(): void {
    if (isWorker) return;
    log.warn("SIGHUP: a single process takes new settings only with a restart; goes on as it is");
  }

  function onMessage(message: unknown): void {
    if (message === stopMessage && !stopping) stop();
  }

  function stop(): void {
    stopping = true;
    log.info({ drain_ms: config.drainMs }, "told to stop: lets the clients go");
    const closed = gateway.close({ drainMs: config.drainMs, leavesPort: isWorker });
    // What the supervisor was handing over as the port was left comes back to it, if there is somebody to say so.
    Promise.all([closed, isWorker ? pause(handOverMs) : undefined]).then(() => {
      log.info("stopped");
      finish(0);
    }, fail);
  }

  function fail(cause: unknown): void {
    log.fatal({ err: cause }, "a fault that nobody caught: exits");
    finish(1);
  }

  for (const signal of stopSignals) host.on(signal, onSignal);
  const forgetHangUp = onSighup(host, keepSettings);
  host.on("message", onMessage);
  // Whoever reads this may send a signal at once.
  log.info({ url, node: gateway.node, dev: config.dev }, "the gateway listens");
  for (const fault of faults) host.on(fault, fail);
  return { gateway, address, url, stopped };
}

/** A gateway that listens; what was opened for it is closed when it cannot. */
async function start(config: Config, log: Logger, engine: OpenedEngine | undefined) {
  let gateway: Gateway | undefined;
  try {
    gateway = createGateway({
      ...(engine === undefined ? {} : { engine: engine.factory }),
      auth: {
        tokenSecret: config.tokenSecret,
        apiKeys: config.apiKeys,
        tokenInQuery: config.tokenInQuery,
      },
      rules: config.rules,
      backends: config.backends,
      sources: config.role === "gateway" ? [] : await openSources(config, log),
      role: config.role,
      limits: config.limits,
      compression: config.compression,
      allowedOrigins: config.allowedOrigins,
      sseMaxLifetimeMs: config.sseMaxLifetimeMs,
      log,
    });
    const address = await gateway.listen({ port: config.port, host: config.host });
    return { gateway, address };
  } catch (error) {
    await (gateway ?? engine)?.close();
    throw error;
  }
}

function urlOf({ address, family, port }: AddressInfo): string {
  if (address === "0.0.0.0" || address === "::") return `http://localhost:${port}`;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

import cluster from "node:cluster";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import type { Config } from "../config/load-config.ts";
import { createGateway, type Gateway } from "../gateway.ts";
import type { SiblingMetrics } from "../metrics/gateway-metrics.ts";
import { loadTracer } from "./load-tracer.ts";
import { createLog } from "./log.ts";
import { type OpenedEngine, openEngine } from "./open-engine.ts";
import { openSources } from "./open-sources.ts";
import { onSighup } from "./sighup.ts";
import { stopMessage } from "./stop-message.ts";
import { logStoreWarnings } from "./store-warnings.ts";
import { systemClock } from "./system-clock.ts";
import { type SupervisorPort, WorkerSiblings } from "./worker-siblings.ts";

/** Part of the process object that serving needs. */
export interface ProcessPort {
  on(event: ProcessEvent, listener: (cause: unknown) => void): unknown;
  removeListener(event: ProcessEvent, listener: (cause: unknown) => void): unknown;
  exit(code: number): void;
}

type ProcessEvent = (typeof stopSignals)[number] | (typeof faults)[number] | "SIGHUP" | "message";

/** Minimum time that a worker stays alive after it has left the port, in milliseconds. */
const handOverMs = 500;

const stopSignals = ["SIGTERM", "SIGINT"] as const;
const faults = ["uncaughtException", "unhandledRejection"] as const;

/** Gateway that runs until its process receives a stop signal. */
export interface Serving {
  readonly gateway: Gateway;
  readonly address: AddressInfo;
  /** URL of the gateway, as reachable from this machine. */
  readonly url: string;
  /** Resolves with the exit code once the gateway has stopped. */
  readonly stopped: Promise<number>;
}

/**
 * Runs a gateway as the whole of a process. Rejects when Redis refuses it, when Redis is absent and the settings
 * require it, and when it cannot listen. Without `requireStore` the gateway waits for an absent Redis; if Redis then
 * refuses it before it has ever joined, the process exits with 1.
 *
 * - The first SIGTERM or SIGINT drains: the gateway is no longer ready, notifies its clients and waits up to
 *   `drainMs`
 *   milliseconds for them to disconnect. Then the process exits with 0.
 * - A second one exits at once with 1.
 * - SIGHUP is ignored with a log line, unless the terminal has closed.
 * - An uncaught error is logged, and the process exits with 1.
 *
 * A worker also drains when its supervisor asks it to. It ignores SIGINT and SIGHUP, because a terminal sends
 * them to the supervisor too. Its log lines carry its `pid`.
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
  let refusal: Error | undefined;
  let onRefused = (error: Error) => {
    refusal ??= error;
  };
  const engine = await openEngine(
    config,
    log,
    config.requireStore ? undefined : (error) => onRefused(error),
  );
  const { worker } = cluster;
  const siblings =
    isWorker && worker !== undefined
      ? new WorkerSiblings(process as SupervisorPort, systemClock, worker.id)
      : undefined;
  const { gateway, address } = await start(config, log, engine, siblings);
  const url = urlOf(address, config.tlsCert !== "");
  // All workers use the same store, so the first worker alone logs the warnings.
  const warns = cluster.worker === undefined || cluster.worker.id === 1;
  if (warns) void engine?.joined.then(() => logStoreWarnings(config, log));
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
      log.warn({ event: "process.stop_forced" }, "second stop signal: exiting at once");
      finish(1);
    }
  }

  function keepSettings(): void {
    if (isWorker) return;
    log.warn(
      { event: "process.hangup_ignored" },
      "SIGHUP ignored: a single process needs a restart to load new settings",
    );
  }

  function onMessage(message: unknown): void {
    if (message === stopMessage && !stopping) stop();
  }

  function stop(): void {
    stopping = true;
    log.info(
      { event: "process.stopping", drain_ms: config.drainMs },
      "stopping: waiting for clients to disconnect",
    );
    const closed = gateway.close({ drainMs: config.drainMs, leavesPort: isWorker });
    // The supervisor may hand over a connection just as the worker leaves the port. The worker returns it, so
    // it must stay alive for a moment.
    Promise.all([closed, isWorker ? pause(handOverMs) : undefined]).then(() => {
      log.info({ event: "process.stopped" }, "stopped");
      finish(0);
    }, fail);
  }

  function fail(cause: unknown): void {
    log.fatal({ event: "process.crashed", err: cause }, "uncaught error: exiting");
    finish(1);
  }

  onRefused = ({ message }) => {
    if (stopping) return;
    stopping = true;
    log.fatal({ event: "store.refused" }, `the store refuses this node: ${message}`);
    finish(1);
  };

  for (const signal of stopSignals) host.on(signal, onSignal);
  const forgetHangUp = onSighup(host, keepSettings);
  host.on("message", onMessage);
  // A program that reads this log line may send a signal at once, so the signal handlers are set before it.
  const scraped = gateway.metricsAddress();
  const metrics = scraped === undefined ? {} : { metrics: `${urlOf(scraped, false)}/metrics` };
  log.info(
    { event: "process.listening", url, ...metrics, node: gateway.node, dev: config.dev },
    "the gateway listens",
  );
  for (const fault of faults) host.on(fault, fail);
  if (refusal !== undefined) onRefused(refusal);
  return { gateway, address, url, stopped };
}

/** Starts a gateway that listens; closes everything it opened when that fails. */
async function start(
  config: Config,
  log: Logger,
  engine: OpenedEngine | undefined,
  siblings: SiblingMetrics | undefined,
) {
  let gateway: Gateway | undefined;
  try {
    gateway = createGateway({
      ...(engine === undefined ? {} : { engine: engine.factory }),
      auth: {
        ...(config.tokenSecret !== "" && { tokenSecret: config.tokenSecret }),
        tokens: config.tokenOptions,
        apiKeys: config.apiKeys,
        tokenInQuery: config.tokenInQuery,
      },
      rules: config.rules,
      queues: config.queues,
      autoSubscribe: config.autoSubscribe,
      backends: config.backends,
      sources: config.role === "gateway" ? [] : await openSources(config, log),
      role: config.role,
      limits: config.limits,
      guests: config.guests ? { ttlMs: config.guestTtlMs } : false,
      ...(config.sessions.required
        ? {
            sessions: {
              credentials: config.sessions.credentials ?? false,
              ...(config.sessionCallback === undefined ? {} : { callback: config.sessionCallback }),
            },
          }
        : {}),
      ...(config.reach === undefined ? {} : { reach: config.reach }),
      compression: config.compression,
      ...(config.console === undefined ? {} : { console: config.console }),
      ...(config.tracing ? { tracer: await loadTracer() } : {}),
      ...(config.tlsCert === "" || config.tlsKey === ""
        ? {}
        : { tls: { certFile: config.tlsCert, keyFile: config.tlsKey } }),
      allowedOrigins: config.allowedOrigins,
      allowedHosts: config.allowedHosts,
      missingOrigin: config.missingOrigin,
      trustedProxies: config.trustedProxies,
      ...(config.forwardedHeader !== "auto" && { forwardedHeader: config.forwardedHeader }),
      proxyProtocol: config.proxyProtocol,
      sseMaxLifetimeMs: config.sseMaxLifetimeMs,
      metrics: {
        ...(config.metricsPort === undefined
          ? {}
          : { port: config.metricsPort, host: config.metricsHost }),
        ...(siblings === undefined ? {} : { siblings }),
      },
      log,
    });
    const address = await gateway.listen({ port: config.port, host: config.host });
    return { gateway, address };
  } catch (error) {
    await (gateway ?? engine)?.close();
    throw error;
  }
}

function urlOf({ address, family, port }: AddressInfo, isSecure: boolean): string {
  const scheme = isSecure ? "https" : "http";
  if (address === "0.0.0.0" || address === "::") return `${scheme}://localhost:${port}`;
  return `${scheme}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

import type { CoreLog } from "@milepost/core";
import type { ProcessPort } from "./serve.ts";
import { onSighup } from "./sighup.ts";
import {
  type Ended,
  SupervisedWorker,
  type WaitingClock,
  type WorkerPort,
} from "./supervised-worker.ts";
import { WorkerExchange } from "./worker-exchange.ts";

const firstRestartMs = 100;
const maxRestartMs = 10_000;
/** Lifetime after which a worker counts as healthy, in milliseconds; its exit resets the restart delay. */
const wellAfterMs = 10_000;
/** Time that a stop may take beyond the drain, in milliseconds, before the worker is killed. */
const stopGraceMs = 10_000;

/** Settings and dependencies of a supervisor. */
export interface SupervisorOptions {
  readonly count: number;
  readonly drainMs: number;
  /** Reads the configuration again; rejects with its mistakes. */
  readonly reload: () => Promise<{ readonly workers: number; readonly drainMs: number }>;
  readonly log: CoreLog;
  readonly process: ProcessPort;
  readonly fork: () => WorkerPort;
  readonly clock: WaitingClock;
}

/** Workers that run until this process receives a stop signal. */
export interface Supervising {
  /** Port that all workers listen on. */
  readonly port: number;
  /** Resolves with the exit code once all workers have ended. */
  readonly stopped: Promise<number>;
}

/**
 * Supervises worker processes: keeps `count` workers running, replaces them on SIGHUP, and drains them on
 * SIGTERM or SIGINT.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  /** Workers that were forked and have not ended. */
  readonly #workers = new Set<SupervisedWorker>();
  readonly #exchange: WorkerExchange;
  /** Longest drain time of any running worker, in milliseconds. */
  #drainMs: number;
  #restartMs = firstRestartMs;
  #cancelRestart: (() => void) | undefined;
  /** True once the first worker is listening. A worker that ends unexpectedly from then on is replaced. */
  #running = false;
  /** True during the start and during a rolling restart; no other rolling restart begins meanwhile. */
  #rolling = false;
  /**
   * True if SIGHUP came during the start or a rolling restart. Another rolling restart then follows, because
   * some workers may have read the configuration before the signal.
   */
  #rollsAgain = false;
  #stopping = false;
  #finish: () => void = () => {};
  #code = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#exchange = new WorkerExchange(options.clock);
    this.#drainMs = options.drainMs;
  }

  /**
   * Starts the workers. Resolves with the port once each of them has listened or failed to start. Resolves with
   * `code` if the first worker cannot start, or if all workers were stopped during the start.
   */
  async start(): Promise<Supervising | { readonly code: number }> {
    const { count, log, process: host } = this.#options;
    const stopped = new Promise<number>((resolve) => {
      this.#finish = () => {
        for (const signal of stopSignals) host.removeListener(signal, this.#stop);
        forgetHangUp();
        resolve(this.#code);
      };
    });
    for (const signal of stopSignals) host.on(signal, this.#stop);
    const forgetHangUp = onSighup(host, this.#onSighup);
    this.#rolling = true;
    // The first worker starts alone. If it cannot start, none can, and the reason is logged once.
    const { port, code } = await this.#fork().started;
    if (this.#stopping) return { code: await stopped };
    if (port === undefined) {
      this.#finish();
      return { code };
    }
    this.#running = true;
    const others = Array.from({ length: count - 1 }, () => this.#fork());
    await Promise.all(others.map(({ started }) => started));
    if (this.#stopping) return { code: await stopped };
    const workers = [...this.#workers].filter(({ listens }) => listens).length;
    if (workers === count)
      log.info({ event: "process.listening", workers, port }, "the workers listen");
    else
      log.warn(
        { event: "workers.missing", workers, configured: count, port },
        "some of the workers do not listen yet; they are restarted",
      );
    this.#rolling = false;
    if (this.#rollsAgain) void this.#roll();
    return { port, stopped };
  }

  #fork(): SupervisedWorker {
    const { fork, clock } = this.#options;
    const port = fork();
    const worker = new SupervisedWorker(port, clock);
    this.#workers.add(worker);
    this.#exchange.add(port);
    void worker.ended.then((ended) => {
      this.#exchange.remove(port);
      this.#hasEnded(worker, ended);
    });
    return worker;
  }

  #hasEnded(worker: SupervisedWorker, { code, signal }: Ended): void {
    this.#workers.delete(worker);
    if (this.#stopping) {
      // A worker that never listened had nothing to stop cleanly.
      if (worker.listens && code !== 0) this.#code = 1;
      if (this.#workers.size === 0) this.#finish();
      return;
    }
    if (!this.#running) return;
    const { log } = this.#options;
    const facts = { worker: worker.pid, code, signal };
    if (!worker.listens)
      log.error({ event: "worker.exited", ...facts }, "a worker exited before it was listening");
    else if (!worker.leaves)
      log.error(
        { event: "worker.exited", ...facts },
        "a worker exited unexpectedly: starting another",
      );
    if (worker.listens && worker.ageMs >= wellAfterMs) this.#restartMs = firstRestartMs;
    if (this.#missing > 0) this.#restartLater();
  }

  /** Number of workers to be forked; workers that are still starting count as present. */
  get #missing(): number {
    const staying = [...this.#workers].filter(({ leaves }) => !leaves);
    return this.#options.count - staying.length;
  }

  #restartLater(): void {
    if (this.#cancelRestart !== undefined) return;
    const delay = this.#restartMs;
    this.#restartMs = Math.min(maxRestartMs, 2 * delay);
    this.#cancelRestart = this.#options.clock.after(delay, () => {
      this.#cancelRestart = undefined;
      // A successor from a rolling restart may have joined during the delay.
      for (let missing = this.#missing; missing > 0; missing--) this.#fork();
    });
  }

  readonly #stop = (): void => {
    const { log } = this.#options;
    if (this.#stopping) {
      log.warn({ event: "process.stop_forced" }, "second stop signal: killing the workers");
      this.#code = 1;
      for (const worker of this.#workers) worker.kill();
      return;
    }
    this.#stopping = true;
    this.#cancelRestart?.();
    log.info({ event: "process.stopping" }, "stopping: waiting for the workers to drain");
    for (const worker of this.#workers) void this.#end(worker);
    if (this.#workers.size === 0) this.#finish();
  };

  readonly #onSighup = (): void => {
    if (this.#stopping) return;
    if (!this.#rolling) {
      void this.#roll();
      return;
    }
    this.#rollsAgain = true;
    this.#options.log.info(
      { event: "workers.restart_waits" },
      "SIGHUP during a start or a rolling restart: a rolling restart follows it",
    );
  };

  async #roll(): Promise<void> {
    this.#rolling = true;
    do {
      this.#rollsAgain = false;
      await this.#rollOnce();
    } while (this.#rollsAgain && !this.#stopping);
    this.#rolling = false;
  }

  async #rollOnce(): Promise<void> {
    const { log } = this.#options;
    const all = [...this.#workers];
    const workers = all.length;
    let replaced = 0;
    for (const old of all) {
      // The configuration is checked before each new worker, because the worker reads it itself. A mistake must
      // stop the restart before a worker is forked.
      if (!(await this.#reload({ replaced, workers })) || this.#stopping) return;
      if (replaced === 0)
        log.info(
          { event: "workers.restarting", workers },
          "rolling restart: replacing one worker after the other",
        );
      if (this.#workers.has(old)) {
        const { code } = await this.#fork().started;
        if (this.#stopping) return;
        if (code !== undefined) {
          log.error(
            { event: "workers.restart_stopped", code, replaced, workers },
            `a new worker cannot start: ${rollStops}`,
          );
          return;
        }
        await this.#end(old);
        if (this.#stopping) return;
      }
      replaced++;
    }
    log.info({ event: "workers.restarted", workers }, "all workers are replaced");
  }

  /** Reads the configuration again; returns false, after logging why, if it cannot be used. */
  async #reload(progress: {
    readonly replaced: number;
    readonly workers: number;
  }): Promise<boolean> {
    const { count, log, reload } = this.#options;
    try {
      const { workers: configured, drainMs } = await reload();
      this.#drainMs = Math.max(this.#drainMs, drainMs);
      if (configured !== count && progress.replaced === 0) {
        log.warn(
          { event: "workers.number_kept", workers: count, configured },
          "the configured number of workers takes effect only after a restart; it stays as it is now",
        );
      }
      return true;
    } catch (error) {
      log.error(
        { event: "workers.restart_stopped", ...progress, err: error },
        `the configuration has mistakes: ${rollStops}`,
      );
      return false;
    }
  }

  #end(worker: SupervisedWorker): Promise<void> {
    const { log } = this.#options;
    return worker.end(this.#drainMs + stopGraceMs, () =>
      log.warn(
        { event: "worker.killed", worker: worker.pid },
        "a worker did not exit in time: killing it",
      ),
    );
  }
}

const rollStops = "the rolling restart stops here; the next SIGHUP replaces all workers";
const stopSignals = ["SIGTERM", "SIGINT"] as const;
